"""Two certificates of ours: whichever one the gateway leads to the EMT with, there is a channel."""

import asyncio
from datetime import UTC, datetime, timedelta
import ssl

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
import pytest

from custom_components.smgw.cls import backoff
from custom_components.smgw.cls.model import ChannelPhase, InnerTls
from custom_components.smgw.cls.reasons import ChannelReason as Reason

from .conftest import Lab
from .world import gateway_context, identity, over_tls, read_request

NOW = datetime.now(UTC)


async def test_out(lab: Lab) -> None:
    """We dial, and the old one has expired: whoever forgot to leave it has a channel all the same."""
    old = identity(at=NOW - timedelta(days=30), days=29)
    successor = old.successor(NOW)
    gateway = await lab.gateway(cls=successor)
    await lab.room.configure([lab.out(gateway, own=old, next_own=successor)])
    state = await lab.phase(ChannelPhase.UP)
    assert state.own_fingerprint == successor.facts.fingerprint


async def test_in(lab: Lab) -> None:
    """We are dialled, and the old one has expired."""
    old = identity(at=NOW - timedelta(days=30), days=29)
    successor, peer = old.successor(NOW), identity()
    config = lab.into(peer, own=old, next_own=successor)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    context = gateway_context(peer, successor, server=False)
    emt = await lab.knock(config, peer, context=context)
    assert (await emt.ask("GET", "")).status == 200


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", Reason.SOCKS_NOT_ALLOWED),
        (None, Reason.SOCKS_CUT),
    ],
)
async def test_profile_of_the_successor(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, reason: Reason
) -> None:
    """The gateway knows both, and its profile for the EMT names the new one: the old one is let in, and led nowhere."""
    monkeypatch.setattr(backoff, "FIRST", 0.1)
    successor = lab.own.successor(NOW)
    wanted = load_pem_x509_certificate(successor.certificate.encode())
    peer = identity()
    context = gateway_context(peer, successor, server=True)
    context.load_verify_locations(cadata=lab.own.certificate)

    async def socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = writer.get_extra_info("ssl_object")
        assert isinstance(shown, ssl.SSLObject)
        known = shown.getpeercert(binary_form=True) == wanted.public_bytes(Encoding.DER)
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        await read_request(reader)
        if known:
            writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            return
        if answer is not None:
            writer.write(answer)
        writer.close()
        raise EOFError

    gateway = await lab.gateway(own=peer, context=context, script=socks)
    await lab.room.configure([lab.out(gateway, next_own=successor)])
    state = await lab.phase(ChannelPhase.UP)
    assert state.own_fingerprint == successor.facts.fingerprint
    assert reason in {told.reason for told in lab.told}


async def test_emt_knows_the_successor(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway knows both; the EMT, in its own TLS inside, only the new one."""
    monkeypatch.setattr(backoff, "FIRST", 0.1)
    successor, peer, theirs = lab.own.successor(NOW), identity(), identity()
    context = gateway_context(peer, successor, server=True)
    context.load_verify_locations(cadata=lab.own.certificate)
    gateway = await lab.gateway(own=peer, context=context)
    inner = InnerTls(peers=(theirs.facts.fingerprint,))
    config = lab.out(gateway, next_own=successor, inner=inner)
    await lab.room.configure([config])
    within = gateway_context(theirs, successor, server=False)
    outer = await gateway.emt()
    with pytest.raises(ssl.SSLCertVerificationError):
        await over_tls(outer.writer, within)
    outer = await gateway.emt()
    emt = await over_tls(outer.writer, within)
    assert (await emt.ask("GET", "")).status == 200
    assert Reason.INNER_FAILED in {told.reason for told in lab.told}
