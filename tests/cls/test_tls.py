"""What gateways may speak, and nothing else: one test for each thing that is refused (TR-03116-3)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl
import subprocess
from typing import Any
import warnings

import pytest

from custom_components.smgw.cls import tls
from custom_components.smgw.cls.certificates import CURVES
from custom_components.smgw.cls.errors import ChannelError
from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import ChannelPhase, TunnelConfig, TunnelKind
from custom_components.smgw.cls.reasons import ChannelReason as Reason

from .conftest import Lab, MakeLab
from .world import gateway_context, identity

NOW = datetime.now(UTC)
_NAMES = {"secp256r1": "prime256v1"}


# We dial; what is wrong is the gateway's.


async def _refused(lab: Lab, **more: Any) -> Reason:
    """Return why no connection to a gateway comes about."""
    gateway = await lab.gateway(**more)
    await lab.room.configure([lab.out(gateway)])
    reason = await lab.failure()
    state = await lab.phase(ChannelPhase.WAITING)
    assert state.next_try is not None
    assert gateway.streams.empty()
    assert gateway.requests == []
    return reason


def _context(own: Identity, **options: Any) -> ssl.SSLContext:
    made = gateway_context(own, None, server=True)
    for name, value in options.items():
        if name == "ciphers":
            made.set_ciphers(value)
        else:
            setattr(made, name, value)
    return made


async def test_another_certificate(lab: Lab) -> None:
    """Valid, on the right curve, but not the one of the letter. It never sees ours."""
    gateway = await lab.gateway()
    other = identity()
    await lab.room.configure([lab.out(gateway, peers=(other.facts.fingerprint,))])
    assert await lab.failure() is Reason.PEER_UNKNOWN
    assert gateway.streams.empty()


async def test_two_certificates_in_a_roll_over(lab: Lab) -> None:
    """Either of the two is right."""
    gateway, other = await lab.gateway(), identity()
    pins = (other.facts.fingerprint, gateway.own.facts.fingerprint)
    await lab.room.configure([lab.out(gateway, peers=pins)])
    await lab.phase(ChannelPhase.UP)


async def test_expired(lab: Lab) -> None:
    """The right one, but its time is over: refused, unlike on the consumer interface."""
    old = identity(at=NOW - timedelta(days=30), days=29)
    assert await _refused(lab, own=old) is Reason.PEER_EXPIRED


async def test_not_yet_valid(lab: Lab) -> None:
    """The right one, too early."""
    early = identity(at=NOW + timedelta(days=2))
    assert await _refused(lab, own=early) is Reason.PEER_NOT_YET_VALID


async def test_our_clock_decides(lab: Lab) -> None:
    """Not the system's: it may be the gateway's time that is known."""
    lab.bench.clock.wall = NOW + timedelta(days=400)
    old = identity(at=NOW, days=300)
    assert await _refused(lab, own=old) is Reason.PEER_EXPIRED


async def test_own_expired(lab: Lab) -> None:
    """Nothing is even tried with a certificate of ours that is over."""
    lab.own = identity(at=NOW - timedelta(days=30), days=29)
    assert await _refused(lab) is Reason.OWN_EXPIRED


async def test_tls_1_1(lab: Lab) -> None:
    """No older version."""
    own = identity()
    context = _context(own, ciphers="ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    reason = await _refused(lab, own=own, context=context)
    assert reason in (Reason.TLS_VERSION, Reason.ALERT_PROTOCOL_VERSION, Reason.TLS_CUT)


async def test_tls_1_3_only(lab: Lab) -> None:
    """Python cannot leave out the forbidden suites of TLS 1.3: so it is not spoken."""
    own = identity()
    context = gateway_context(own, None, server=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    reason = await _refused(lab, own=own, context=context)
    assert reason in (Reason.ALERT_PROTOCOL_VERSION, Reason.TLS_CUT)


@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-CCM",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-CAMELLIA128-SHA256",
    ],
)
async def test_other_suites(lab: Lab, suite: str) -> None:
    """No suite but the four."""
    own = identity()
    context = _context(own, ciphers=f"{suite}:@SECLEVEL=0")
    reason = await _refused(lab, own=own, context=context)
    assert reason in (Reason.ALERT_HANDSHAKE_FAILURE, Reason.TLS_CUT)


@pytest.mark.parametrize("suite", tls.SUITES)
@pytest.mark.parametrize("dials", [True, False])
async def test_the_four_suites(lab: Lab, suite: str, dials: bool) -> None:
    """Each of the four, whoever dials."""
    peer = identity()
    if dials:
        context = gateway_context(peer, lab.own, server=True)
        context.set_ciphers(suite)
        gateway = await lab.gateway(own=peer, context=context)
        await lab.room.configure([lab.out(gateway)])
        emt = await gateway.emt()
    else:
        config = lab.into(peer)
        await lab.room.configure([config])
        await lab.phase(ChannelPhase.LISTENING)
        emt = await lab.knock(config, peer, suites=suite)
    assert emt.writer.get_extra_info("cipher")[0] == suite
    assert (await emt.ask("GET", "")).status == 200


@pytest.mark.parametrize("curve", [*CURVES, "X25519"])
async def test_other_curves(make_lab: MakeLab, curve: str) -> None:
    """A gateway that exchanges keys on another curve than that of the certificates."""
    ours = "secp384r1" if curve != "secp384r1" else "brainpoolP384r1"
    lab = await make_lab(ours)
    own = identity(ours)
    context = gateway_context(own, None, server=True, curve=curve)
    reason = await _refused(lab, own=own, context=context)
    assert reason in (Reason.ALERT_HANDSHAKE_FAILURE, Reason.TLS_CUT)


async def test_a_certificate_on_another_curve(lab: Lab) -> None:
    """Ours has to be on the gateway's: it finds nothing it could show us."""
    own = identity("secp384r1")
    context = gateway_context(own, None, server=True, curve="secp256r1")
    reason = await _refused(lab, own=own, context=context)
    assert reason in (Reason.ALERT_HANDSHAKE_FAILURE, Reason.TLS_CUT)


async def test_no_tls_at_all(lab: Lab) -> None:
    """Something else listens there."""

    async def talk(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    gateway = await lab.gateway()
    gateway.port = server.sockets[0].getsockname()[1]
    await lab.room.configure([lab.out(gateway)])
    assert await lab.failure() is Reason.TLS_FAILED
    server.close()


async def test_cut_in_the_handshake(lab: Lab) -> None:
    """It hangs up without a word."""

    async def hang_up(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    gateway = await lab.gateway()
    gateway.port = server.sockets[0].getsockname()[1]
    await lab.room.configure([lab.out(gateway)])
    assert await lab.failure() is Reason.TLS_CUT
    server.close()


async def test_the_gateway_does_not_know_us(lab: Lab) -> None:
    """It ends the handshake after our certificate."""
    reason = await _refused(lab, cls=identity())
    assert reason in (Reason.TLS_CUT, Reason.ALERT_UNKNOWN_CA)


async def test_own_roll_over(lab: Lab) -> None:
    """The operator has entered the new certificate already: it is tried after the old one, and kept."""
    successor = lab.own.successor(NOW)
    gateway = await lab.gateway(cls=successor)
    await lab.room.configure([lab.out(gateway, next_own=successor)])
    state = await lab.phase(ChannelPhase.UP)
    assert state.own_fingerprint == successor.facts.fingerprint
    reasons = [told.reason for told in lab.told if told.reason is not None]
    assert len(reasons) >= 1


# They dial; what is wrong is theirs.


async def _listening(lab: Lab, peer: Identity, **more: Any) -> TunnelConfig:
    config = lab.into(peer, **more)
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


async def test_in_another_certificate(lab: Lab) -> None:
    """A stranger with a good certificate."""
    config = await _listening(lab, identity())
    reason = await _turned_away(lab, lambda: lab.knock(config, identity()))
    assert reason is Reason.PEER_UNKNOWN


async def test_in_no_certificate(lab: Lab) -> None:
    """A stranger without any."""
    config = await _listening(lab, identity())

    async def dial() -> Any:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        return await lab.knock(config, identity(), context=made)

    assert await _turned_away(lab, dial) is Reason.PEER_NO_CERTIFICATE


async def test_in_a_certificate_that_looks_the_same(lab: Lab) -> None:
    """Same name, same dates, another key."""
    peer = identity(name="gateway", at=NOW - timedelta(days=9))
    twin = identity(name="gateway", at=NOW - timedelta(days=9))
    config = await _listening(lab, peer)
    reason = await _turned_away(lab, lambda: lab.knock(config, twin))
    assert reason is Reason.PEER_UNKNOWN


async def test_in_another_curve(lab: Lab) -> None:
    """The right certificate, but on a curve that is not ours: the code says what to do."""
    peer = identity("secp384r1")
    config = await _listening(lab, peer)
    context = gateway_context(peer, None, server=False, curve="secp256r1")
    reason = await _turned_away(lab, lambda: lab.knock(config, peer, context=context))
    assert reason is Reason.PEER_WRONG_CURVE


async def test_in_expired(lab: Lab) -> None:
    """The right one, over."""
    old = identity(at=NOW - timedelta(days=30), days=29)
    config = await _listening(lab, old)
    assert (
        await _turned_away(lab, lambda: lab.knock(config, old)) is Reason.PEER_EXPIRED
    )


async def test_in_not_yet_valid(lab: Lab) -> None:
    """The right one, too early."""
    early = identity(at=NOW + timedelta(days=2))
    config = await _listening(lab, early)
    reason = await _turned_away(lab, lambda: lab.knock(config, early))
    assert reason is Reason.PEER_NOT_YET_VALID


async def test_in_after_revocation(lab: Lab) -> None:
    """A fingerprint that was taken away is not accepted any more, and its connections are cut."""
    peer, other = identity(), identity()
    config = await _listening(lab, peer)
    emt = await lab.knock(config, peer)
    assert (await emt.ask("GET", "")).status == 200
    changed = lab.into(other, listen=config.listen)
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
    make_lab: MakeLab, pem: Callable[[Identity], str], curve: str
) -> None:
    """With the right certificate; and what is negotiated is what it has to be."""
    lab = await make_lab(curve)
    peer = identity(curve)
    config = await _listening(lab, peer)
    said = await _s_client(config, pem(peer), "-groups", _NAMES.get(curve, curve), "-tls1_2", "-ign_eof", say=_GET)  # fmt: skip
    assert "HTTP/1.1 200" in said
    assert "Compression: NONE" in said
    assert "TLS session ticket" not in said
    assert "Extended master secret: yes" in said


@pytest.mark.parametrize(
    "options",
    [
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_3",),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-CCM"),
        ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"),
        ("-tls1_2", "-groups", "X25519"),
        ("-tls1_2", "-groups", "secp384r1"),
        ("-tls1_2", "-groups", "secp521r1"),
        ("-tls1_2", "-groups", "brainpoolP256r1"),
    ],
    ids=" ".join,
)
async def test_s_client_is_refused(
    lab: Lab, pem: Callable[[Identity], str], options: tuple[str, ...]
) -> None:
    """With the right certificate, but with something that is forbidden."""
    peer = identity()
    config = await _listening(lab, peer)
    said = await _s_client(config, pem(peer), *options)
    assert "Cipher is (NONE)" in said
    assert await lab.failure() is not Reason.PEER_UNKNOWN


async def test_s_client_cannot_renegotiate(
    lab: Lab, pem: Callable[[Identity], str]
) -> None:
    """The request is turned down, and nothing is answered under other keys."""
    peer = identity()
    config = await _listening(lab, peer)
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
    lab: Lab, pem: Callable[[Identity], str], tmp_path: Path
) -> None:
    """Neither a ticket nor anything else that would spare the certificate after it was revoked."""
    peer = identity()
    config = await _listening(lab, peer)
    session = str(tmp_path / "session")
    first = await _s_client(config, pem(peer), "-tls1_2", "-sess_out", session, "-ign_eof", say=_GET)  # fmt: skip
    assert "HTTP/1.1 200" in first
    other = identity()
    changed = lab.into(other, listen=config.listen)
    await lab.room.configure([changed])
    await lab.phase(ChannelPhase.LISTENING)
    again = await _s_client(changed, None, "-tls1_2", "-sess_in", session)
    assert "Reused" not in again
    assert "HTTP" not in again


async def test_curl(lab: Lab, pem: Callable[[Identity], str]) -> None:
    """In the laboratory, with a client certificate: the API and nothing else; without one nothing at all."""
    peer = identity()
    config = await _listening(lab, peer, kind=TunnelKind.DIRECT)

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


async def test_own_key_that_cannot_be_used(lab: Lab) -> None:
    """Damaged in its place."""
    lab.own = Identity(certificate=lab.own.certificate, key="none")
    gateway = await lab.gateway(own=identity(), cls=identity())
    await lab.room.configure([lab.out(gateway)])
    assert await lab.failure() is Reason.OWN_UNUSABLE


def test_nothing_secret_in_errors() -> None:
    """Neither key nor path."""
    own = identity()
    with pytest.raises(ChannelError) as raised:
        tls.context(
            Identity(certificate=own.certificate, key=identity().key),
            ("ab" * 32,),
            lambda: NOW,
            server=True,
        )
    assert raised.value.reason is Reason.OWN_UNUSABLE
    assert "PRIVATE" not in repr(raised.value)
    assert raised.value.__cause__ is None
