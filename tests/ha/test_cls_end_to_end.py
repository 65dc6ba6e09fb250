"""The whole way: EMT, WAN, gateway, HAN, our tunnel, an entity, the receipt, its verifier."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.cls import backoff
from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import ChannelPhase
from custom_components.smgw.cls.reasons import ChannelReason
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
from simulator.clock import SimClock
from simulator.cls import World
from simulator.emt import ProblemError, Span
from simulator.emt.home import Home

from .cls_world import (
    add_participant,
    add_switch,
    come,
    curve_of,
    free_port,
    room_of,
    until,
)
from .participants import (
    WHO,
    Flow,
    answer,
    begin,
    change,
    choose,
    only,
    save,
    suggested,
)

BOILER = "input_boolean.boiler"
SOON = Span(seconds=600)


@pytest.fixture
def clock() -> SimClock:
    """The real time: nothing is frozen here."""
    return SimClock(datetime.now(UTC))


@pytest.fixture(params=["brainpoolP256r1"])
def world(request: pytest.FixtureRequest, socket_enabled: None) -> Generator[World]:
    """A gateway, on a curve or at an address, and two EMTs."""
    where = {"host" if ":" in word else "curve": word for word in request.param.split()}
    if "host" in where:
        request.getfixturevalue("ipv6")
    with World(emts=("grid", "supplier"), **where) as running:
        yield running


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure a tunnel is opened again soon."""
    monkeypatch.setattr(backoff, "FIRST", 0.2)


@pytest.fixture
async def home(hass: HomeAssistant, loaded: MockConfigEntry) -> MockConfigEntry:
    """A home with a boiler."""
    assert await async_setup_component(
        hass, "input_boolean", {"input_boolean": {"boiler": None}}
    )
    return loaded


async def switched(hass: HomeAssistant, emt: Home, switch: str) -> None:
    """Assert that a participant's command goes all the way, and that this can be proven."""
    told = await asyncio.to_thread(emt.set, switch, True, SOON)
    transaction = told["transaction_id"]
    await until(lambda: hass.states.is_state(BOILER, "on"))
    done = await asyncio.to_thread(emt.wait_state, transaction, "effective")
    assert done["state"] == "effective"
    await hass.async_block_till_done()
    state = hass.states.get("switch.boiler")
    assert state is not None
    assert (state.state, state.attributes["participant"]) == ("on", "grid")
    await asyncio.to_thread(emt.release_item, switch)
    await until(lambda: hass.states.is_state(BOILER, "off"))
    receipt = await asyncio.to_thread(emt.wait_receipt, transaction)
    assert receipt.good
    assert (await asyncio.to_thread(emt.verify)).good


@pytest.mark.parametrize(
    "world",
    ["brainpoolP256r1", "prime256v1", "::1", "::1 prime256v1"],
    indirect=True,
)
@pytest.mark.parametrize("kind", ["out_socks", "out_sni", "inbound", "direct"])
async def test_switch(
    hass: HomeAssistant, home: MockConfigEntry, world: World, kind: str
) -> None:
    """Each way that a gateway knows, and the laboratory's, on NIST and Brainpool, over IPv4 and IPv6."""
    hass.config_entries.async_update_entry(home, options={"lab": kind == "direct"})
    port = 0 if kind.startswith("out") else free_port(world.host)
    who = await add_participant(hass, home, world, kind=kind, port=port)
    switch = await add_switch(
        hass, home, "Boiler", drives=BOILER, participants=[who], rest="off"
    )
    if kind == "direct":
        emt = await come_directly(home, world, who)
    else:
        emt = await come(world, kind=kind)
    told = await asyncio.to_thread(emt.info)
    assert told["participant"]["tunnel"] == kind
    (item,) = await asyncio.to_thread(emt.items)
    assert item["id"] == switch
    await switched(hass, emt, switch)


async def come_directly(home: MockConfigEntry, world: World, who: str) -> Home:
    """Let the EMT dial, without any gateway."""
    channel = room_of(home).setup.participant(who).channel
    certificate = channel.identities[0].certificate
    emt, channels = world.emt, room_of(home).channels
    assert channel.bind is not None
    await until(lambda: who in channels)
    await until(lambda: channels[who].phase is ChannelPhase.LISTENING)
    where = (channel.bind.host, channel.bind.port)
    await asyncio.to_thread(emt.direct, *where, certificate, curve_of(world))
    return await asyncio.to_thread(emt.wait_home)


async def test_inner_tls(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """TLS end to end inside the gateway's: the participant is known by its own certificate."""
    world.emt.inner = "brainpoolP256r1"
    pin = sha256(world.emt.identity("brainpoolP256r1").der).hexdigest()
    who = await add_participant(
        hass, home, world, grants=lambda flow: extras(hass, flow, inner=pin)
    )
    switch = await add_switch(
        hass, home, "Boiler", drives=BOILER, participants=[who], rest="off"
    )
    await switched(hass, await come(world), switch)


async def test_signed(hass: HomeAssistant, home: MockConfigEntry, world: World) -> None:
    """Where the owner asks for signatures, an unsigned command is refused."""
    key = ec.generate_private_key(ec.BrainpoolP256R1())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    emt = world.add_emt("signing", message_key=key)
    who = await add_participant(
        hass,
        home,
        world,
        "signing",
        name="grid",
        grants=lambda flow: extras(hass, flow, message_key=pem.decode()),
    )
    switch = await add_switch(
        hass, home, "Boiler", drives=BOILER, participants=[who], rest="off"
    )
    came = await come(world, "signing")
    await switched(hass, came, switch)
    emt.message_key = None
    world.cut("signing", "close")
    came = await asyncio.to_thread(emt.wait_home, tunnels=2)
    with pytest.raises(ProblemError) as refused:
        await asyncio.to_thread(came.set, switch, True, SOON)
    assert refused.value.code == "bad_signature"
    assert hass.states.is_state(BOILER, "off")


async def extras(hass: HomeAssistant, flow: Flow, **fields: str) -> Flow:
    """Fill in what few need."""
    return await answer(hass, await choose(hass, flow, "extras"), **fields)


async def grant_limits(hass: HomeAssistant, flow: Flow) -> Flow:
    """Grant limits of the consumption, with a failsafe."""
    flow = await choose(hass, flow, "grant_limit")
    return await answer(
        hass, flow, direction="consumption", low=4200, failsafe=4200, failsafe_hours=2
    )


async def test_dim(hass: HomeAssistant, home: MockConfigEntry, world: World) -> None:
    """The grid operator limits the consumption, and the home shows it; released, it is free."""
    hass.states.async_set(
        "sensor.grid", "900", {"unit_of_measurement": "W", "device_class": "power"}
    )
    hass.config_entries.async_update_entry(
        home, options={"power_sources": {"consumption": {"source": "sensor.grid"}}}
    )
    await add_participant(
        hass,
        home,
        world,
        role="grid_operator",
        grants=lambda flow: grant_limits(hass, flow),
    )
    emt = await come(world)
    told = await asyncio.to_thread(emt.limit, 4200, SOON, kind="para14a")
    transaction = told["transaction_id"]
    done = await asyncio.to_thread(emt.wait_state, transaction, "effective")
    assert done["effect"]["reason"] == "already_below"
    name = f"smgw_{home.unique_id.lower()}"
    shown = f"sensor.{name}_consumption_limit"
    await until(lambda: hass.states.is_state(shown, "4200"))
    await asyncio.to_thread(emt.release_limit)
    await until(lambda: not hass.states.is_state(shown, "4200"))
    receipt = await asyncio.to_thread(emt.wait_receipt, transaction)
    assert receipt.good
    assert (await asyncio.to_thread(emt.verify)).good


async def test_change_cuts_nobody_else(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """Names, grants and other participants come and go; a tunnel stays unless its own way changes."""
    grid = await add_participant(hass, home, world)
    first = await come(world)
    since = room_of(home).channels[grid].since
    tunnels = first.tunnels

    supplier = await add_participant(hass, home, world, "supplier")
    await come(world, "supplier")
    switch = await add_switch(hass, home, "Boiler", participants=[grid])
    await until(lambda: room_of(home).channels[supplier].connected)
    await change_grants(hass, home, grid)
    hass.config_entries.async_remove_subentry(home, supplier)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert supplier not in room_of(home).channels
    await until(lambda: not world.emts["supplier"].home.connected)
    hass.config_entries.async_update_entry(home, options={"interval": 30})
    await hass.async_block_till_done(wait_background_tasks=True)

    assert room_of(home).channels[grid].since == since
    assert (first.tunnels, first.connected) == (tunnels, True)
    (item,) = await asyncio.to_thread(first.items)
    assert item["id"] == switch


async def change_grants(
    hass: HomeAssistant, entry: MockConfigEntry, participant: str
) -> None:
    """Grant something more, and change the name."""
    flow = await choose(hass, await change(hass, entry, participant), "grant_prices")
    flow = await choose(hass, await answer(hass, flow, prices=True), "who")
    fields = suggested(flow) | {"name": "Netze Süd"}
    await save(hass, await answer(hass, flow, **fields))


async def test_unload_and_load(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """With the entry the tunnels end, and begin again."""
    grid = await add_participant(hass, home, world)
    emt = await come(world)
    assert await hass.config_entries.async_unload(home.entry_id)
    await until(lambda: not emt.connected)
    assert home.state is ConfigEntryState.NOT_LOADED
    assert await hass.config_entries.async_setup(home.entry_id)
    await until(lambda: emt.connected)
    assert room_of(home).channels[grid].phase is ChannelPhase.UP


async def test_start(hass: HomeAssistant, home: MockConfigEntry, world: World) -> None:
    """While Home Assistant starts, devices of others may be missing: nobody comes in before they are there."""
    grid = await add_participant(hass, home, world)
    emt = await come(world)
    assert await hass.config_entries.async_unload(home.entry_id)
    await until(lambda: not emt.connected)
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(home.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert room_of(home).channels == {}
    assert emt.tunnels == 1
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await until(lambda: emt.connected)
    assert room_of(home).channels[grid].phase is ChannelPhase.UP


async def test_stop(
    hass: HomeAssistant,
    home: MockConfigEntry,
    world: World,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Home Assistant stops: tunnels end and the books are closed, with nothing to complain of."""
    await add_participant(hass, home, world)
    emt = await come(world)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await until(lambda: not emt.connected)
    await hass.async_block_till_done()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_validity(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """Whose time is over has no tunnel, and whose time comes has one."""
    grid = await add_participant(hass, home, world)
    emt = await come(world)
    connection = "binary_sensor.grid_connection"
    await until(lambda: hass.states.is_state(connection, "on"))
    await ends(hass, home, grid, "2026-01-01")
    await until(lambda: not emt.connected)
    await until(lambda: hass.states.is_state(connection, "off"))
    await ends(hass, home, grid, "2096-01-01")
    await until(lambda: emt.connected)
    await until(lambda: hass.states.is_state(connection, "on"))


async def ends(
    hass: HomeAssistant, entry: MockConfigEntry, participant: str, day: str
) -> None:
    """Let a participant be valid until a day."""
    flow = await choose(hass, await change(hass, entry, participant), "who")
    fields = suggested(flow) | {"valid_until": day}
    await save(hass, await answer(hass, flow, **fields))


async def test_refused_certificate_is_told(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """A gateway that no longer knows us: the owner sees why, and it comes back by itself."""
    grid = await add_participant(hass, home, world)
    await come(world)
    world.revoke("grid")
    await until(lambda: not room_of(home).channels[grid].connected)
    await until(lambda: room_of(home).channels[grid].reason is not None)


async def test_look_at_the_port(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """The gateway shows its certificate before it knows ours: compared, or confirmed in a laboratory."""
    way = {"host": world.host, "port": world.socks_port}
    way |= {"emt_host": world.emt.name, "emt_port": world.emt.port}
    flow = await answer(hass, await begin(hass, home), **WHO)
    flow = await answer(hass, await choose(hass, flow, "out_socks"), **way)
    flow = await answer(hass, flow, peers="ab" * 32)
    assert flow["errors"] == {"peers": "other_certificate_shown"}
    flow = await answer(hass, flow, peers=world.fingerprint)
    assert flow["step_id"] == "identity"
    assert flow["description_placeholders"]["curve"] == "brainpoolP256r1"

    hass.config_entries.async_update_entry(home, options={"lab": True})
    flow = await answer(hass, await begin(hass, home), **WHO)
    flow = await answer(hass, await choose(hass, flow, "out_socks"), **way)
    flow = await choose(hass, flow, "peer_fetched")
    shown = flow["description_placeholders"]["fingerprint"]
    assert shown.replace(":", "").lower() == world.fingerprint
    assert world.journal.events("channel_open") == []


@pytest.mark.usefixtures("soon_again")
async def test_peer_roll_over(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """A certificate that nobody has confirmed is not talked to; confirmed, all goes on."""
    grid = await add_participant(hass, home, world)
    emt = await come(world)
    new = await asyncio.to_thread(world.rotate)
    await asyncio.to_thread(world.cut, "grid", "close")
    await until(
        lambda: room_of(home).channels[grid].reason is ChannelReason.PEER_UNKNOWN
    )
    flow = await choose(hass, await change(hass, home, grid), "pin")
    flow = await answer(hass, flow, peers=f"{suggested(flow)['peers']}\n{new}")
    await save(hass, flow)
    await until(lambda: emt.connected)
    assert room_of(home).channels[grid].peer_fingerprint == new


@pytest.mark.usefixtures("soon_again")
async def test_own_roll_over(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """The gateway gets to know the new certificate while the old one is in use."""
    grid = await add_participant(hass, home, world)
    emt = await come(world)
    flow = await choose(hass, await change(hass, home, grid), "certificate")
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, flow, common_name="HA-new")
    pem = suggested(flow)["certificate"]
    await save(hass, await answer(hass, flow))
    await until(lambda: emt.connected)
    world.revoke("grid")
    world.admit(pem, "grid", key="new")
    await until(lambda: emt.connected)
    new = room_of(home).setup.participant(grid).channel.identities[1]
    await until(
        lambda: (
            room_of(home).channels[grid].own_fingerprint
            == Identity(certificate=new.certificate, key="").facts.fingerprint
        )
    )


async def test_forward(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """Any use case: the stream ends at one local address."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async def to_echo(flow: Flow) -> Flow:
        flow = await choose(hass, flow, "extras")
        return await answer(hass, flow, forward_host="127.0.0.1", forward_port=port)

    world.emt.raw = True
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await add_participant(hass, home, world, grants=to_echo)
        stream = await asyncio.to_thread(world.emt.take)

        def talk() -> bytes:
            world.run(stream.write(b"hello\n"))
            return world.run(stream.read())

        assert await asyncio.to_thread(talk) == b"HELLO\n"


@pytest.mark.parametrize(
    ("world", "curve"),
    [
        ("brainpoolP256r1", "brainpoolP256r1"),
        ("prime256v1", "prime256v1"),
        ("::1", "brainpoolP256r1"),
        ("::1", "prime256v1"),
    ],
    indirect=["world"],
)
async def test_laboratory(
    hass: HomeAssistant, home: MockConfigEntry, world: World, curve: str
) -> None:
    """Without a gateway, the EMT itself: the same, but only while the laboratory is on."""
    hass.config_entries.async_update_entry(home, options={"lab": True})
    emt, port = world.emt, free_port(world.host)
    flow = await answer(hass, await begin(hass, home), **{**WHO, "name": "grid"})
    flow = await choose(hass, flow, "direct")
    flow = await answer(hass, flow, bind_host=world.host, bind_port=port)
    shown = emt.identity(curve)
    flow = await answer(hass, flow, peers=shown.pem)
    flow = await choose(hass, flow, "identity_new")
    flow = await answer(hass, flow, common_name="HA")
    own = suggested(flow)["certificate"]
    await save(hass, await answer(hass, flow))
    channels = room_of(home).channels
    own_id = only(home).subentry_id
    await until(lambda: own_id in channels)
    await until(lambda: channels[own_id].phase is ChannelPhase.LISTENING)
    switch = await add_switch(
        hass, home, "Boiler", drives=BOILER, participants=[own_id], rest="off"
    )
    await asyncio.to_thread(emt.direct, world.host, port, own, curve)
    came = await asyncio.to_thread(emt.wait_home)
    await switched(hass, came, switch)
    hass.config_entries.async_update_entry(home, options={"lab": False})
    await until(lambda: not came.connected)
