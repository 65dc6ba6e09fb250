"""Tunnels side by side: each for itself, and none left behind."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
import socket
import ssl

import h11
import pytest

from custom_components.smgw.cls import session
from custom_components.smgw.cls.dialler import Dialler
from custom_components.smgw.cls.errors import BadConfig
from custom_components.smgw.cls.forward import Half, open_target
from custom_components.smgw.cls.listener import MOST_HANDSHAKES, MOST_STREAMS
from custom_components.smgw.cls.model import (
    ChannelPhase,
    Endpoint,
    InnerTls,
    TunnelKind,
)
from custom_components.smgw.cls.reasons import ChannelReason as Reason
from custom_components.smgw.cls.session import SILENCE

from .conftest import FakeTimer, Lab, MakeLab
from .emt import Emt
from .world import free_port, gateway_context, identity, over_tls


async def test_only_what_changed_is_cut(lab: Lab) -> None:
    """Another tunnel is added, changed and removed, and the first one never notices."""
    gateway, other = await lab.gateway(), await lab.gateway()
    first = lab.out(gateway)
    await lab.room.configure([first])
    emt = await gateway.emt()
    second = lab.out(other, tunnel_id="u", participant_id="service")
    await lab.room.configure([first, second])
    neighbour = await other.emt()
    root = (await neighbour.ask("GET", "")).json
    assert root["participant"]["id"] == "service"
    moved = lab.out(
        other,
        tunnel_id="u",
        participant_id="service",
        destination=Endpoint("192.0.2.7", 4059),
    )
    await lab.room.configure([first, moved])
    with pytest.raises(ConnectionError):
        await neighbour.ask("GET", "")
    assert (await (await other.emt()).ask("GET", "")).status == 200
    assert other.requests[-1] == b"\x05\x01\x00\x01\xc0\x00\x02\x07\x0f\xdb"
    await lab.room.configure([first])
    assert set(lab.room.states) == {"t"}
    assert (await emt.ask("GET", "")).status == 200
    assert gateway.dialled == 1


async def test_who_is_who_the_tunnel_says(lab: Lab) -> None:
    """Each participant sees its own things only, whatever it writes into its request."""
    gateway, peer = await lab.gateway(), identity()
    config = lab.into(peer, tunnel_id="u", participant_id="grid")
    await lab.room.configure([lab.out(gateway), config])
    await lab.phase(ChannelPhase.LISTENING, "u")
    supplier, grid = await gateway.emt(), await lab.knock(config, peer)
    claim = {"X-Participant": "grid", "Authorization": "Bearer grid"}
    root = (await supplier.ask("GET", "", None, claim)).json
    assert root["participant"]["id"] == "supplier"
    assert (await grid.ask("GET", "")).json["participant"]["id"] == "grid"


async def test_nothing_is_left_behind(lab: Lab) -> None:
    """Closed in the middle of everything: dialling, serving, a long poll, a handshake that never ends."""
    gateway, peer = await lab.gateway(), identity()
    config = lab.into(peer, tunnel_id="u")
    nowhere = lab.out(
        gateway,
        tunnel_id="v",
        gateway=Endpoint("127.0.0.1", free_port()),
        destination=Endpoint("other", 1),
    )
    await lab.room.configure([lab.out(gateway), config, nowhere])
    emt = await gateway.emt()
    await lab.phase(ChannelPhase.LISTENING, "u")
    after = (await emt.ask("GET", "events")).json["next"]
    emt.send("GET", f"events?after={after}&wait=50")
    assert config.listen is not None
    _, silent = await asyncio.open_connection(config.listen.host, config.listen.port)
    await lab.phase(ChannelPhase.WAITING, "v")
    before = {task for task in asyncio.all_tasks() if "smgw" in task.get_name()}
    assert len(before) == 3
    await lab.room.close()
    assert lab.room.states == {}
    assert not {task for task in asyncio.all_tasks() if "smgw" in task.get_name()}
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(config.listen.host, config.listen.port)
    silent.close()


async def test_what_could_not_be_told_apart(lab: Lab) -> None:
    """Two on one port, or twice the same way to the same EMT."""
    gateway, peer = await lab.gateway(), identity()
    listen = Endpoint("127.0.0.1", free_port())
    twice = [lab.into(peer, listen=listen, tunnel_id=name) for name in "tu"]
    with pytest.raises(BadConfig):
        await lab.room.configure(twice)
    with pytest.raises(BadConfig):
        await lab.room.configure([lab.out(gateway, tunnel_id=name) for name in "tu"])
    # by SNI the port means nothing
    by_name = [
        lab.out(
            gateway,
            kind=TunnelKind.OUT_SNI,
            destination=Endpoint("emt.example", port),
            tunnel_id=name,
        )
        for name, port in (("t", 443), ("u", 8443))
    ]
    with pytest.raises(BadConfig):
        await lab.room.configure(by_name)
    assert lab.room.states == {}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"gateway": None}, "gateway"),
        ({"destination": None}, "destination"),
        ({"peers": ()}, "peers"),
        ({"peers": ("ab" * 32,) * 3}, "peers"),
        ({"peers": ("xy" * 32,)}, "fingerprint"),
        ({"kind": TunnelKind.INBOUND}, "listen"),
        ({"kind": TunnelKind.INBOUND, "listen": Endpoint("0.0.0.0", 1)}, "listen"),
        ({"kind": TunnelKind.DIRECT, "listen": Endpoint("::", 1)}, "listen"),
    ],
)
async def test_bad_config(lab: Lab, changes: dict[str, object], where: str) -> None:
    """Refused when it is made, with the field."""
    gateway = await lab.gateway()
    with pytest.raises(BadConfig) as raised:
        lab.out(gateway, **changes)
    assert raised.value.where == where


async def test_secrets_stay_out_of_sight(lab: Lab) -> None:
    """Of a configuration as it is printed."""
    gateway = await lab.gateway()
    inner = InnerTls(peers=("ab" * 32,))
    config = lab.out(gateway, next_own=identity(), inner=inner, message_key="KEY")
    assert "PRIVATE" not in repr(config)
    assert "KEY" not in repr(config)


async def test_a_fault_of_ours(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops one tunnel for a while, with a reason, and no other."""
    gateway, other = await lab.gateway(), await lab.gateway()

    async def fails(*_: object) -> None:
        raise RuntimeError("a fault")

    await lab.room.configure([lab.out(gateway, tunnel_id="u")])
    emt = await gateway.emt()
    monkeypatch.setattr(Dialler, "_dial", fails)
    await lab.room.configure([lab.out(gateway, tunnel_id="u"), lab.out(other)])
    state = await lab.phase(ChannelPhase.STOPPED)
    assert await lab.failure() is Reason.INTERNAL
    assert state.tunnel_id == "t"
    assert (await emt.ask("GET", "")).status == 200


async def test_port_in_use(lab: Lab) -> None:
    """It is tried again, and the reason is shown."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        listen = Endpoint("127.0.0.1", sock.getsockname()[1])
        await lab.room.configure([lab.into(identity(), listen=listen)])
        state = await lab.phase(ChannelPhase.STOPPED)
        state = await lab.until(lambda state: state.reason is not None)
    assert state.reason is Reason.PORT_IN_USE
    assert state.next_try is not None


async def test_not_our_address(lab: Lab) -> None:
    """An address of somebody else."""
    listen = Endpoint("192.0.2.1", free_port())
    await lab.room.configure([lab.into(identity(), listen=listen)])
    assert await lab.failure() is Reason.ADDRESS_NOT_OURS


async def test_no_such_name(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's name is looked up; nobody knows it."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    gateway = await lab.gateway()
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    config = lab.out(gateway, gateway=Endpoint("gateway.invalid", 1))
    await lab.room.configure([config])
    assert await lab.failure() is Reason.NAME_UNKNOWN


async def test_a_name_that_is_known(lab: Lab, names: dict[str, list[str]]) -> None:
    """And the EMT's own name never is."""
    names["gateway.test"] = ["127.0.0.1"]
    gateway = await lab.gateway()
    config = lab.out(gateway, gateway=Endpoint("gateway.test", gateway.port))
    await lab.room.configure([config])
    assert (await (await gateway.emt()).ask("GET", "")).status == 200


async def test_ipv6(lab: Lab, ipv6: None) -> None:
    """Both ways, and an EMT named by its IPv6 address."""
    gateway = await lab.gateway()
    server = await asyncio.start_server(
        gateway._serve,
        "::1",
        0,
        ssl=gateway_context(gateway.own, lab.own, server=True),
    )
    port = server.sockets[0].getsockname()[1]
    out = lab.out(
        gateway,
        gateway=Endpoint("::1", port),
        destination=Endpoint("2001:db8::1", 4059),
    )
    peer = identity()
    config = lab.into(peer, tunnel_id="u", listen=Endpoint("::1", free_port("::1")))
    await lab.room.configure([out, config])
    assert (await (await gateway.emt()).ask("GET", "")).status == 200
    address = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    assert gateway.requests == [b"\x05\x01\x00\x04" + address + b"\x0f\xdb"]
    await lab.phase(ChannelPhase.LISTENING, "u")
    assert (await (await lab.knock(config, peer)).ask("GET", "")).status == 200
    server.close()


async def test_a_gateway_that_has_forgotten(lab: Lab) -> None:
    """It dials again and again: the oldest connection makes way."""
    peer = identity()
    config = lab.into(peer)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    emts = [await lab.knock(config, peer) for _ in range(MOST_STREAMS)]
    for emt in emts:
        assert (await emt.ask("GET", "")).status == 200
    newest = await lab.knock(config, peer)
    assert (await newest.ask("GET", "")).status == 200
    with pytest.raises(ConnectionError):
        await emts[0].ask("GET", "")
    assert (await emts[1].ask("GET", "")).status == 200


async def test_strangers_at_the_door(lab: Lab) -> None:
    """As many as like to may knock and say nothing: the gateway gets in."""
    peer = identity()
    config = lab.into(peer)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    assert config.listen is not None
    where = config.listen.host, config.listen.port
    strangers = [await asyncio.open_connection(*where) for _ in range(20)]
    emt = await lab.knock(config, peer)
    assert (await emt.ask("GET", "")).status == 200
    closed = [reader.at_eof() for reader, _ in strangers]
    await asyncio.sleep(0.05)
    closed = [
        reader.at_eof() or reader.exception() is not None for reader, _ in strangers
    ]
    assert closed.count(True) >= len(strangers) - MOST_HANDSHAKES
    for _, writer in strangers:
        writer.close()


async def test_the_peer_is_told_why(lab: Lab) -> None:
    """A TLS alert goes out before the line is cut."""
    config = lab.into(identity())
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"):
        await (await lab.knock(config, identity())).ask("GET", "")


async def test_inner_tls_of_a_stranger(lab: Lab) -> None:
    """The gateway is right, the EMT behind it is not: nothing is served."""
    gateway, theirs = await lab.gateway(), identity()
    inner = InnerTls(peers=(identity().facts.fingerprint,))
    await lab.room.configure([lab.out(gateway, inner=inner)])
    outer = await gateway.emt()
    context = gateway_context(theirs, lab.own, server=False)

    async def ask() -> None:
        await (await over_tls(outer.writer, context)).ask("GET", "")

    with pytest.raises(OSError):
        await ask()
    assert await lab.failure() is Reason.INNER_PEER_UNKNOWN


async def test_no_inner_tls_where_it_is_asked_for(lab: Lab) -> None:
    """A plain request inside is no handshake."""
    gateway = await lab.gateway()
    inner = InnerTls(peers=(identity().facts.fingerprint,))
    await lab.room.configure([lab.out(gateway, inner=inner)])
    emt = await gateway.emt()
    with pytest.raises((OSError, h11.RemoteProtocolError)):
        await emt.ask("GET", "")
    assert await lab.failure() is Reason.INNER_FAILED
    assert "contact_regained" not in await lab.bench.kinds()


# Forward.


@pytest.fixture
async def target(socket_enabled: None) -> AsyncGenerator[Endpoint]:
    """A local device that answers with what it gets, in capitals."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
    server.close()


async def _echo(emt: Emt, data: bytes) -> bytes:
    async def write() -> None:
        for at in range(0, len(data), 65536):
            emt.writer.write(data[at : at + 65536])
            await emt.writer.drain()

    task = asyncio.create_task(write())
    found = await asyncio.wait_for(emt.reader.readexactly(len(data)), 20)
    await task
    return found


async def test_forward(lab: Lab, target: Endpoint) -> None:
    """Bytes both ways, many of them, and nothing is understood as HTTP."""
    gateway = await lab.gateway()
    await lab.room.configure([lab.out(gateway, forward=target)])
    emt = await gateway.emt()
    assert await _echo(emt, b"get /cls/v1 http/1.1\r\n\r\n") == (
        b"GET /CLS/V1 HTTP/1.1\r\n\r\n"
    )
    data = b"abc" * 1_000_000
    assert await _echo(emt, data) == data.upper()
    state = await lab.phase(ChannelPhase.UP)
    assert state.last_contact is not None
    # It is not the participant who asks: its silence goes on.
    assert "contact_regained" not in await lab.bench.kinds()
    await emt.close()
    await lab.phase(ChannelPhase.WAITING)


async def test_forward_in_with_inner_tls(lab: Lab, target: Endpoint) -> None:
    """The same on a stream that the gateway has opened, with the EMT's own TLS in it."""
    peer, theirs = identity(), identity()
    inner = InnerTls(peers=(theirs.facts.fingerprint,))
    config = lab.into(peer, inner=inner, forward=target)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    outer = await lab.knock(config, peer)
    context = gateway_context(theirs, lab.own, server=False)
    emt = await over_tls(outer.writer, context)
    assert await _echo(emt, b"abc") == b"ABC"


async def test_forward_to_nobody(lab: Lab) -> None:
    """The device does not answer: the tunnel says so, and nothing else is tried."""
    gateway = await lab.gateway()
    nobody = Endpoint("127.0.0.1", free_port())
    await lab.room.configure([lab.out(gateway, forward=nobody)])
    assert await lab.failure() is Reason.FORWARD_FAILED


async def test_the_device_hangs_up(lab: Lab) -> None:
    """What it said before still arrives."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    where = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
    gateway = await lab.gateway()
    await lab.room.configure([lab.out(gateway, forward=where)])
    emt = await gateway.emt()
    assert await asyncio.wait_for(emt.reader.read(), 10) == b"bye"
    await lab.phase(ChannelPhase.WAITING)
    server.close()


async def test_gone_before_the_device_answers(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream ends while the device is being dialled: the device is let go of as well."""
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        hung_up.set()
        writer.close()

    async def slow(where: Endpoint, now: Callable[[], float]) -> Half:
        gateway.cut()
        await asyncio.sleep(0.1)
        return await open_target(where, now)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    where = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
    monkeypatch.setattr(session, "open_target", slow)
    gateway = await lab.gateway()
    await lab.room.configure([lab.out(gateway, forward=where)])
    assert await lab.failure() is Reason.CLOSED_BY_PEER
    await asyncio.wait_for(hung_up.wait(), 10)
    server.close()


async def test_a_forward_may_be_silent(make_lab: MakeLab, target: Endpoint) -> None:
    """A charge point may have nothing to say for hours."""
    timer = FakeTimer()
    lab = await make_lab(timer=timer)
    gateway = await lab.gateway()
    await lab.room.configure([lab.out(gateway, forward=target)])
    emt = await gateway.emt()
    await lab.phase(ChannelPhase.UP)
    await timer.move(SILENCE * 20)
    assert await _echo(emt, b"abc") == b"ABC"


async def test_both_sides_as_slow_as_the_slower(target: Endpoint) -> None:
    """What nobody takes is not heaped up here."""
    half = await open_target(target, lambda: 0.0)
    assert half.transport is not None
    assert half.transport.get_write_buffer_limits()[1] <= 256 * 1024
    half.transport.abort()
