"""What gateways may speak, and nothing else: one test for each thing that is refused (TR-03116-3)."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl
import subprocess
from typing import Any
import warnings

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
import pytest

from custom_components.smgw.cls import backoff, tls
from custom_components.smgw.cls.certificates import CURVES
from custom_components.smgw.cls.errors import ChannelError
from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import ChannelPhase
from custom_components.smgw.cls.reasons import ChannelReason as Reason

from .conftest import Lab, MakeLab
from .emt import Emt
from .world import free_port, gateway_context, identity

NOW = datetime.now(UTC)


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


async def _met(
    lab: Lab, peer: Identity, context: ssl.SSLContext, *, dials: bool
) -> Emt:
    """Return the EMT's end of a tunnel to a gateway with this certificate, whoever dials."""
    if dials:
        gateway = await lab.gateway(own=peer, context=context)
        await lab.room.configure([lab.out(gateway)])
        return await gateway.emt()
    config = lab.into(peer)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    return await lab.knock(config, peer, context=context)


@pytest.mark.parametrize("suite", tls.SUITES)
@pytest.mark.parametrize("dials", [True, False])
async def test_the_four_suites(lab: Lab, suite: str, dials: bool) -> None:
    """Each of the four, whoever dials."""
    peer = identity()
    context = gateway_context(peer, lab.own, server=dials)
    context.set_ciphers(suite)
    emt = await _met(lab, peer, context, dials=dials)
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


@pytest.fixture
async def server(
    tmp_path: Path,
) -> AsyncGenerator[Callable[..., Awaitable[asyncio.subprocess.Process]]]:
    """Return a function that starts OpenSSL's own server, on a port."""
    started: list[asyncio.subprocess.Process] = []

    async def start(port: int, own: Identity, *options: str) -> Any:
        path = tmp_path / "gateway.pem"
        path.write_text(own.certificate + own.key)
        made = await asyncio.create_subprocess_exec(
            "openssl", "s_server", "-accept", f"127.0.0.1:{port}",
            "-cert", str(path), "-key", str(path), "-tls1_2", *options,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        started.append(made)
        assert made.stdout is not None
        assert b"ACCEPT" in await made.stdout.readuntil(b"ACCEPT\n")
        return made

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Identity:
    """Return a certificate of a key that none may have."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Identity(
        certificate=made.public_bytes(Encoding.PEM).decode(), key=pem.decode()
    )


@pytest.mark.parametrize("curve", ["secp256r1", "brainpoolP256r1"])
@pytest.mark.parametrize("dials", [True, False])
async def test_of_an_authority(make_lab: MakeLab, curve: str, dials: bool) -> None:
    """Not signed by itself, and shown with its whole chain: the fingerprint is all that counts."""
    lab, root = await make_lab(curve), ec.generate_private_key(ec.BrainpoolP384R1())
    key = load_pem_private_key(identity(curve).key.encode(), None)
    chain: list[str] = []
    for name, whose in (("leaf", key), ("root", root)):
        made = (
            x509.CertificateBuilder()
            .subject_name(
                x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
            )
            .issuer_name(
                x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
            )
            .public_key(whose.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=1))
            .add_extension(x509.BasicConstraints(name == "root", None), critical=True)
            .sign(root, SHA384())
        )
        chain.append(made.public_bytes(Encoding.PEM).decode())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    leaf = Identity(certificate=chain[0], key=pem)
    shown = Identity(certificate="".join(chain), key=pem)
    context = gateway_context(shown, lab.own, curve, server=dials)
    emt = await _met(lab, leaf, context, dials=dials)
    assert (await emt.ask("GET", "")).status == 200


@pytest.mark.parametrize(
    ("own", "options"),
    [
        (identity, ("-sigalgs", "ECDSA+SHA1", "-cipher", "ALL:@SECLEVEL=0")),
        (identity, ("-sigalgs", "ECDSA+SHA224")),
        (lambda: _of(rsa.generate_private_key(65537, 2048)), ()),
        (lambda: _of(ec.generate_private_key(ec.SECP521R1())), ()),
    ],
    ids=["sha1", "sha224", "rsa", "secp521r1"],
)
async def test_other_signatures(
    lab: Lab, server: Any, own: Callable[[], Identity], options: tuple[str, ...]
) -> None:
    """ECDSA on our curve with SHA-256 or more, even if the certificate is the one of the letter."""
    theirs = own()
    gateway = await lab.gateway(sni=True)
    gateway.port = free_port()
    await server(gateway.port, theirs, *options)
    pins = (theirs.facts.fingerprint,)
    await lab.room.configure([lab.out(gateway, peers=pins)])
    assert await lab.failure() in (
        Reason.ALERT_HANDSHAKE_FAILURE,
        Reason.PEER_WRONG_CURVE,
        Reason.TLS_FAILED,
    )
    assert ChannelPhase.UP not in {state.phase for state in lab.told}


async def test_the_gateway_wants_to_renegotiate(lab: Lab, server: Any) -> None:
    """In the middle of a channel: turned down, by an alert that it can read."""
    theirs = identity()
    gateway = await lab.gateway(sni=True)
    gateway.port = free_port()
    process = await server(gateway.port, theirs)
    pins = (theirs.facts.fingerprint,)
    await lab.room.configure([lab.out(gateway, peers=pins)])
    await lab.phase(ChannelPhase.UP)
    process.stdin.write(b"r\n")
    await process.stdin.drain()
    said = await process.stdout.readuntil(b"no renegotiation")
    assert said.count(b"CIPHER is") <= 1


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


async def test_own_roll_over(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator has entered the new certificate already: it is tried after the old one, and kept."""
    monkeypatch.setattr(backoff, "FIRST", 0.2)
    successor = lab.own.successor(NOW)
    gateway = await lab.gateway(cls=successor)
    await lab.room.configure([lab.out(gateway, next_own=successor)])
    state = await lab.phase(ChannelPhase.UP)
    assert state.own_fingerprint == successor.facts.fingerprint
    reasons = [told.reason for told in lab.told if told.reason is not None]
    assert len(reasons) >= 1


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
