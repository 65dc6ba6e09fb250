"""The HAN listener as ``openssl s_client`` and ``curl`` see it."""

from collections.abc import Callable
from pathlib import Path
import re
import socket
import subprocess
from threading import Thread

import pytest

from simulator.cls import World
from simulator.tls import CURVES

from .conftest import MakeDevice, StartWorld
from .device import Device

type Client = Callable[..., subprocess.CompletedProcess[str]]

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
)
ALL_CURVES = "P-256:P-384:brainpoolP256r1:brainpoolP384r1:brainpoolP512r1"


@pytest.fixture
def call(tmp_path: Path) -> Client:
    """Return a function that runs ``openssl s_client`` to a gateway."""

    def run(
        world: World,
        who: Device | None,
        *words: str,
        curves: str = ALL_CURVES,
        say: str = "",
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "gateway.pem").write_text(world.certificate_pem)
        own: list[str] = []
        if who is not None:
            file = tmp_path / "own.pem"
            file.write_text(who.certificate.pem + who.certificate.key_pem)
            own = ["-cert", str(file), "-key", str(file)]
        return subprocess.run(
            [
                "openssl",
                "s_client",
                "-connect",
                f"{world.host}:{world.socks_port}",
                "-CAfile",
                str(tmp_path / "gateway.pem"),
                "-verify_return_error",
                "-curves",
                curves,
                *own,
                *words,
            ],
            input=say,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


@pytest.fixture
def s_client(world: World, device: Device, call: Client) -> Client:
    """Return the same to the world of the test, as a device that it has admitted."""
    world.admit(device.pem)

    def run(
        *words: str, who: Device | None = device, **more: str
    ) -> subprocess.CompletedProcess[str]:
        return call(world, who, *words, **more)

    return run


def good(done: subprocess.CompletedProcess[str]) -> bool:
    """Tell whether the handshake succeeded."""
    shaken = re.search(r"New, TLSv1.2, Cipher is ECDHE", done.stdout) is not None
    return shaken and "Verify return code: 0 (ok)" in done.stdout


def alert(done: subprocess.CompletedProcess[str]) -> int:
    """Return the alert that came from the gateway, 0 without one."""
    found = re.search(r"SSL alert number (\d+)", done.stderr)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("suite", SUITES)
def test_suites(s_client: Client, suite: str) -> None:
    """Each of the four; the CBC ones with encrypt-then-mac; a master secret of the new kind."""
    done = s_client("-tls1_2", "-cipher", suite, "-tlsextdebug")
    assert good(done), done.stderr
    assert f"Cipher    : {suite}" in done.stdout
    assert "Extended master secret: yes" in done.stdout
    assert ('"encrypt-then-mac"' in done.stdout) == ("GCM" not in suite)
    assert "Compression: NONE" in done.stdout
    assert "Secure Renegotiation IS supported" in done.stdout
    assert "TLS session ticket" not in done.stdout
    assert '"truncated_hmac"' not in done.stdout


@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-CCM",
        "ECDHE-ECDSA-AES256-CCM8",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-CAMELLIA128-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "DHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
    ],
)
def test_forbidden_suites(s_client: Client, suite: str) -> None:
    """Nothing else is spoken: alert 40."""
    done = s_client("-tls1_2", "-cipher", suite)
    assert not good(done)
    assert alert(done) == 40


@pytest.mark.parametrize("curve", CURVES)
def test_curves(
    begin: StartWorld, make_device: MakeDevice, call: Client, curve: str
) -> None:
    """A device that knows all curves reaches a gateway on any; its own key may be on another."""
    world, device = begin(curve=curve), make_device("prime256v1")
    world.admit(device.pem)
    done = call(world, device, "-tls1_2")
    assert good(done), done.stderr
    assert world.journal.wait("han_open")["suite"] in SUITES


@pytest.mark.parametrize(
    ("curves", "wanted"),
    [
        ("brainpoolP256r1", True),
        (ALL_CURVES, True),
        ("X25519", False),
        ("P-521", False),
        ("X448", False),
    ],
)
def test_key_exchange(s_client: Client, curves: str, wanted: bool) -> None:
    """Curves that TR-03116-3 does not name are not spoken."""
    done = s_client("-tls1_2", curves=curves)
    assert good(done) is wanted
    assert wanted or alert(done) == 40


@pytest.mark.parametrize(
    "words", [("-tls1",), ("-tls1_1",), ("-tls1_3",)], ids=["1.0", "1.1", "1.3"]
)
def test_versions(s_client: Client, words: tuple[str, ...]) -> None:
    """TLS 1.2 and nothing else: alert 70."""
    done = s_client(*words, "-cipher", "ALL:@SECLEVEL=0")
    assert not good(done)
    assert alert(done) == 70


def test_newest_version_that_both_know(s_client: Client) -> None:
    """Who offers 1.2 and 1.3 gets 1.2."""
    assert good(s_client())


def test_no_renegotiation(s_client: Client, world: World) -> None:
    """A device that asks for another handshake does not get it."""
    done = s_client("-tls1_2", say="R\n")
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert "no renegotiation" in done.stderr or alert(done) == 100
    assert len(world.journal.events("han_open")) == 1


def test_no_resumption(s_client: Client) -> None:
    """Each connection is a handshake of its own."""
    done = s_client("-tls1_2", "-reconnect", "-no_ticket")
    assert "Reused" not in done.stdout
    assert done.stdout.count("New, TLSv1.2") >= 2


def test_who_may_come(s_client: Client, world: World, make_device: MakeDevice) -> None:
    """Nobody without a certificate, unknown, or expired."""
    assert alert(s_client("-tls1_2", who=None)) == 40
    assert alert(s_client("-tls1_2", who=make_device())) == 48
    expired = make_device(expired=True)
    world.admit(expired.pem)
    assert alert(s_client("-tls1_2", who=expired)) == 45
    assert len(world.journal.events("han_refused")) == 3


def test_curl(world: World, device: Device) -> None:
    """``curl --socks5-hostname`` over a bridge that does the TLS: the profile's name, no other."""
    world.emt.raw = True
    world.admit(device.pem)
    bridge = socket.create_server(("127.0.0.1", 0))
    port = bridge.getsockname()[1]

    def serve() -> None:
        for _ in range(2):
            near, _ = bridge.accept()
            far = device.plain(device.tls(world, world.socks_port))
            device.join(near, far)

    thread = Thread(target=serve)
    thread.start()

    def curl(url: str) -> subprocess.Popen[str]:
        socks = f"127.0.0.1:{port}"
        words = ["curl", "-sS", "--max-time", "20", "--socks5-hostname", socks, url]
        return subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    asking = curl(f"http://{world.emt.name}:{world.emt.port}/hello")
    stream = world.emt.take(20)
    assert world.run(stream.read()).startswith(b"GET /hello HTTP/1.1\r\n")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthere"
    world.run(stream.write(answer))
    assert asking.communicate()[0] == "there"
    wrong = curl("http://127.0.0.1:22/")
    assert "(2)" in wrong.communicate()[1]
    assert wrong.returncode == 97
    assert [event["reply"] for event in world.journal.events("socks")] == [0, 2]
    thread.join(10)
    bridge.close()
