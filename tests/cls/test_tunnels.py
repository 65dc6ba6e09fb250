"""Every kind of tunnel, end to end: from the stream's first byte to a switch of the home and its receipt."""

import asyncio
import ssl

import pytest

from custom_components.smgw.cls.certificates import CURVES
from custom_components.smgw.cls.model import ChannelPhase, InnerTls, TunnelKind

from .conftest import Lab, MakeLab
from .emt import Emt
from .world import EMT, gateway_context, identity, over_tls, read_request


async def _switches(lab: Lab, emt: Emt) -> None:
    """A command is taken, carried out, and told of."""
    answer = await lab.write(
        emt, "POST", "items/switch.boiler/commands", {"value": True, "duration_s": 60}
    )
    assert (answer.status, answer.json["verdict"]) == (202, "possible")
    await lab.bench.settle()
    assert lab.bench.home.values["switch.boiler"] is True
    told = (await emt.ask("GET", answer.headers["location"])).json
    assert told["state"] == "effective"
    assert [row["kind"] for row in told["history"]][:2] == ["received", "intent"]
    done = await lab.write(emt, "POST", "items/switch.boiler/release")
    assert done.status == 202
    told = (await emt.ask("GET", answer.headers["location"])).json
    assert told["state"] == "released"
    assert told["receipts"][0]["receipt"]["transaction"] == told["transaction_id"]


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("sni", [False, True])
async def test_out(make_lab: MakeLab, curve: str, sni: bool) -> None:
    """We dial the gateway; the EMT is named by SOCKS or by TLS, as it is."""
    lab = await make_lab(curve)
    gateway = await lab.gateway(sni=sni)
    config = lab.out(gateway)
    await lab.room.configure([config])
    emt = await gateway.emt()
    await _switches(lab, emt)
    state = await lab.phase(ChannelPhase.UP)
    assert state.last_contact is not None
    assert state.peer_fingerprint == gateway.own.facts.fingerprint
    if sni:
        assert gateway.names == [EMT.host]
    else:
        assert gateway.names == [None]
        name = EMT.host.encode()
        port = EMT.port.to_bytes(2)
        request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port
        assert gateway.requests == [request]


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("kind", [TunnelKind.INBOUND, TunnelKind.DIRECT])
async def test_in(make_lab: MakeLab, curve: str, kind: TunnelKind) -> None:
    """The gateway, or in the laboratory the EMT, dials us."""
    lab = await make_lab(curve)
    peer = identity(curve)
    config = lab.into(peer, kind=kind)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    emt = await lab.knock(config, peer)
    await _switches(lab, emt)
    await lab.phase(ChannelPhase.UP)
    await emt.close()
    await lab.phase(ChannelPhase.LISTENING)


@pytest.mark.parametrize("curve", ["secp256r1", "brainpoolP256r1"])
async def test_inner_tls_out(make_lab: MakeLab, curve: str) -> None:
    """The EMT shows its own certificate inside; the ledger has both."""
    lab = await make_lab(curve)
    gateway, theirs = await lab.gateway(), identity(curve)
    inner = InnerTls(peers=(theirs.facts.fingerprint,))
    await lab.room.configure([lab.out(gateway, inner=inner)])
    outer = await gateway.emt()
    context = gateway_context(theirs, lab.own, server=False)
    emt = await over_tls(outer.writer, context)
    await _switches(lab, emt)
    (row, *_) = [r for r in await lab.bench.rows() if r["kind"] == "received"]
    assert row["data"]["origin"]["inner"] == theirs.facts.fingerprint
    assert row["data"]["origin"]["outer"] == gateway.own.facts.fingerprint


async def test_inner_tls_in(lab: Lab) -> None:
    """The same on a stream that the gateway has opened."""
    peer, theirs = identity(), identity()
    inner = InnerTls(peers=(theirs.facts.fingerprint,))
    config = lab.into(peer, inner=inner)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    outer = await lab.knock(config, peer)
    context = gateway_context(theirs, lab.own, server=False)
    emt = await over_tls(outer.writer, context)
    await _switches(lab, emt)


async def test_inner_tls_begins_in_the_record_of_the_reply(lab: Lab) -> None:
    """The EMT's first bytes come together with the last of SOCKS, before we have begun to wait for them."""
    theirs = identity()
    context = gateway_context(theirs, lab.own, server=False)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = context.wrap_bio(incoming, outgoing)
    said: list[bytes] = []

    async def step(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(outgoing.read())
        incoming.write(await reader.read(65536))

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        await read_request(reader)
        with pytest.raises(ssl.SSLWantReadError):
            inside.do_handshake()
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00" + outgoing.read())
        incoming.write(await reader.read(65536))
        while True:
            try:
                inside.do_handshake()
                break
            except ssl.SSLWantReadError:
                await step(reader, writer)
        inside.write(b"GET /cls/v1 HTTP/1.1\r\nHost: cls\r\n\r\n")
        while not said:
            try:
                said.append(inside.read(65536))
            except ssl.SSLWantReadError:
                await step(reader, writer)

    gateway = await lab.gateway(script=script)
    inner = InnerTls(peers=(theirs.facts.fingerprint,))
    await lab.room.configure([lab.out(gateway, inner=inner)])
    await gateway.emt()
    assert said[0].startswith(b"HTTP/1.1 200")
