"""Who knocks at our own doors, of a gateway or of the laboratory: one test for each thing that is refused (TR-03116-3)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl
import subprocess
from typing import Any

import pytest

from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import ChannelPhase, TunnelConfig, TunnelKind
from custom_components.smgw.cls.reasons import ChannelReason as Reason

from .conftest import Lab, MakeLab
from .world import gateway_context, identity

NOW = datetime.now(UTC)
_NAMES = {"secp256r1": "prime256v1"}


@pytest.fixture(params=[TunnelKind.INBOUND, TunnelKind.DIRECT])
def door(request: pytest.FixtureRequest) -> TunnelKind:
    """Each of our own doors."""
    found: TunnelKind = request.param
    return found


async def _listening(lab: Lab, door: TunnelKind, peer: Identity) -> TunnelConfig:
    config = lab.into(peer, kind=door)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    return config


async def _turned_away(lab: Lab, dial: Callable[[], Awaitable[Any]]) -> Reason:
    """Return why somebody was not let in."""
    before = await lab.bench.kinds()

    async def ask() -> None:
        # The last of a handshake is the client's: it may learn of the end with its first question.
        await (await dial()).ask("GET", "")

    with pytest.raises((OSError, EOFError)):
        await ask()
    reason = await lab.failure()
    assert lab.room.states["t"].phase is ChannelPhase.LISTENING
    assert await lab.bench.kinds() == before
    return reason


async def test_in_another_certificate(lab: Lab, door: TunnelKind) -> None:
    """A stranger with a good certificate."""
    config = await _listening(lab, door, identity())
    reason = await _turned_away(lab, lambda: lab.knock(config, identity()))
    assert reason is Reason.PEER_UNKNOWN


async def test_in_no_certificate(lab: Lab, door: TunnelKind) -> None:
    """A stranger without any."""
    config = await _listening(lab, door, identity())

    async def dial() -> Any:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        return await lab.knock(config, identity(), context=made)

    assert await _turned_away(lab, dial) is Reason.PEER_NO_CERTIFICATE


async def test_in_a_certificate_that_looks_the_same(lab: Lab, door: TunnelKind) -> None:
    """Same name, same dates, another key."""
    peer = identity(name="gateway", at=NOW - timedelta(days=9))
    twin = identity(name="gateway", at=NOW - timedelta(days=9))
    config = await _listening(lab, door, peer)
    reason = await _turned_away(lab, lambda: lab.knock(config, twin))
    assert reason is Reason.PEER_UNKNOWN


async def test_in_another_curve(lab: Lab, door: TunnelKind) -> None:
    """The right certificate, but on a curve that is not ours: the code says what to do."""
    peer = identity("secp384r1")
    config = await _listening(lab, door, peer)
    context = gateway_context(peer, None, server=False, curve="secp256r1")
    reason = await _turned_away(lab, lambda: lab.knock(config, peer, context=context))
    assert reason is Reason.PEER_WRONG_CURVE


async def test_in_expired(lab: Lab, door: TunnelKind) -> None:
    """The right one, over."""
    old = identity(at=NOW - timedelta(days=30), days=29)
    config = await _listening(lab, door, old)
    assert (
        await _turned_away(lab, lambda: lab.knock(config, old)) is Reason.PEER_EXPIRED
    )


async def test_in_not_yet_valid(lab: Lab, door: TunnelKind) -> None:
    """The right one, too early."""
    early = identity(at=NOW + timedelta(days=2))
    config = await _listening(lab, door, early)
    reason = await _turned_away(lab, lambda: lab.knock(config, early))
    assert reason is Reason.PEER_NOT_YET_VALID


async def test_in_after_revocation(lab: Lab, door: TunnelKind) -> None:
    """A fingerprint that was taken away is not accepted any more, and its connections are cut."""
    peer, other = identity(), identity()
    config = await _listening(lab, door, peer)
    emt = await lab.knock(config, peer)
    assert (await emt.ask("GET", "")).status == 200
    changed = lab.into(other, kind=door, listen=config.listen)
    await lab.room.configure([changed])
    await lab.phase(ChannelPhase.LISTENING)
    with pytest.raises(ConnectionError):
        await emt.ask("GET", "")
    reason = await _turned_away(lab, lambda: lab.knock(changed, peer))
    assert reason is Reason.PEER_UNKNOWN


# OpenSSL's own client, as an operator would try it.


@pytest.fixture
def pem(tmp_path: Path) -> Callable[[Identity], str]:
    """Return a function that writes an identity to a file."""

    def write(own: Identity) -> str:
        path = tmp_path / f"{own.facts.fingerprint[:8]}.pem"
        path.write_text(own.certificate + own.key)
        return str(path)

    return write


async def _s_client(
    config: TunnelConfig, file: str | None, *options: str, say: bytes = b""
) -> str:
    """Return what OpenSSL's client says."""
    shown = ["-cert", file, "-key", file] if file else []
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", str(config.listen), *shown, *options,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    if say:
        process.stdin.write(say)
        found = b""
        while b"smgw" not in found and (data := await process.stdout.read(4096)):
            found += data
        process.stdin.close()
        return (found + await process.stdout.read()).decode(errors="replace")
    out, _ = await process.communicate()
    return out.decode(errors="replace")


_GET = b"GET /cls/v1 HTTP/1.1\r\nHost: cls\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("curve", ["secp256r1", "brainpoolP256r1"])
async def test_s_client_gets_in(
    make_lab: MakeLab, door: TunnelKind, pem: Callable[[Identity], str], curve: str
) -> None:
    """With the right certificate; and what is negotiated is what it has to be."""
    lab = await make_lab(curve)
    peer = identity(curve)
    config = await _listening(lab, door, peer)
    said = await _s_client(config, pem(peer), "-groups", _NAMES.get(curve, curve), "-tls1_2", "-ign_eof", say=_GET)  # fmt: skip
    assert "HTTP/1.1 200" in said
    assert "Compression: NONE" in said
    assert "TLS session ticket" not in said
    assert "Extended master secret: yes" in said


@pytest.mark.parametrize(
    "options",
    [
        ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_3",),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-CCM"),
        ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256", "-psk", "00"),
        ("-tls1_2", "-cipher", "NULL:ADH:AECDH:@SECLEVEL=0"),
        ("-tls1_2", "-sigalgs", "ECDSA+SHA1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_2", "-sigalgs", "ECDSA+SHA224"),
        ("-tls1_2", "-groups", "X25519"),
        ("-tls1_2", "-groups", "X448"),
        ("-tls1_2", "-groups", "secp384r1"),
        ("-tls1_2", "-groups", "secp521r1"),
        ("-tls1_2", "-groups", "brainpoolP256r1"),
    ],
    ids=" ".join,
)
async def test_s_client_is_refused(
    lab: Lab, door: TunnelKind, pem: Callable[[Identity], str], options: tuple[str, ...]
) -> None:
    """With the right certificate, but with something that is forbidden."""
    peer = identity()
    config = await _listening(lab, door, peer)
    said = await _s_client(config, pem(peer), *options)
    assert "Cipher is (NONE)" in said
    assert await lab.failure() is not Reason.PEER_UNKNOWN


async def test_s_client_cannot_renegotiate(
    lab: Lab, door: TunnelKind, pem: Callable[[Identity], str]
) -> None:
    """The request is turned down, and nothing is answered under other keys."""
    peer = identity()
    config = await _listening(lab, door, peer)
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", str(config.listen), "-tls1_2",
        "-cert", pem(peer), "-key", pem(peer),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    await lab.phase(ChannelPhase.UP)
    process.stdin.write(b"R\n")
    await process.stdin.drain()
    said = (await process.stdout.read()).decode(errors="replace")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said
    await process.wait()


async def test_s_client_gets_no_session_to_resume(
    lab: Lab, door: TunnelKind, pem: Callable[[Identity], str], tmp_path: Path
) -> None:
    """Neither a ticket nor anything else that would spare the certificate after it was revoked."""
    peer = identity()
    config = await _listening(lab, door, peer)
    session = str(tmp_path / "session")
    first = await _s_client(config, pem(peer), "-tls1_2", "-sess_out", session, "-ign_eof", say=_GET)  # fmt: skip
    assert "HTTP/1.1 200" in first
    other = identity()
    changed = lab.into(other, kind=door, listen=config.listen)
    await lab.room.configure([changed])
    await lab.phase(ChannelPhase.LISTENING)
    again = await _s_client(changed, None, "-tls1_2", "-sess_in", session)
    assert "Reused" not in again
    assert "HTTP" not in again


async def test_curl(lab: Lab, pem: Callable[[Identity], str]) -> None:
    """In the laboratory, with a client certificate: the API and nothing else; without one nothing at all."""
    peer = identity()
    config = await _listening(lab, TunnelKind.DIRECT, peer)

    async def curl(*options: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            "curl", "-sSk", "--max-time", "10", *options,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    url = f"https://{config.listen}"
    own = ("--cert", pem(peer), "--curves", "prime256v1")
    code, out = await curl(*own, f"{url}/cls/v1")
    assert (code, '"api":"cls/v1"' in out) == (0, True)
    code, out = await curl(*own, f"{url}/api/")
    assert '"code":"not_found"' in out
    created = NOW.isoformat().replace("+00:00", "Z")
    code, out = await curl(
        *own,
        "--json", '{"value":true,"duration_s":60}',
        "-H", "transactionId: 6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "-H", f"creationDateTime: {created}",
        f"{url}/cls/v1/items/switch.boiler/commands",
    )  # fmt: skip
    assert '"verdict":"possible"' in out
    code, _ = await curl(f"{url}/cls/v1")
    assert code != 0
