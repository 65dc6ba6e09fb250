"""An authority in a simulated home, and tunnels to it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
import pytest

from custom_components.smgw.cls.callers import Caller
from custom_components.smgw.cls.http import HttpStream
from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import (
    ChannelPhase,
    ChannelState,
    Endpoint,
    TunnelConfig,
    TunnelKind,
)
from custom_components.smgw.cls.ports import About, ClsPorts, LoopTimer, Thing, Timer
from custom_components.smgw.cls.reasons import ChannelReason
from custom_components.smgw.cls.room import ClsRoom
from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.store import Store
from tests.control.conftest import verifier  # noqa: F401
from tests.control.helpers import FakeClock
from tests.control.house import Bench
from tests.control.test_crash import MEMORY

from .conforming import ConformingEmt
from .emt import Emt, Reply, write_headers
from .world import EMT, Gateway, free_port, gateway_context, identity

settings.register_profile("cls", deadline=None)
settings.load_profile("cls")


class Things:
    """The devices of the home."""

    def things(self) -> dict[str, Thing]:
        """Return them."""
        names = ("boiler", "cls", "heatpump", "wallbox")
        return {name: Thing(thing_id=name, name=name.title()) for name in names}


class FakeTimer:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.seconds = 5000.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until the time has been moved."""
        self.slept.append(seconds)
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.seconds + seconds, future))
        await future

    async def move(self, seconds: float) -> None:
        """Let time pass, step by step, whoever sleeps being woken when it is due."""
        end = self.seconds + seconds
        while True:
            await settle()
            self.sleepers = [s for s in self.sleepers if not s[1].done()]
            due = min((at for at, _ in self.sleepers), default=end)
            if due > end:
                break
            self.seconds = max(self.seconds, due)
            for at, future in self.sleepers:
                if at <= self.seconds and not future.done():
                    future.set_result(None)
            if not self.sleepers:
                break
        self.seconds = end
        await settle()


async def settle() -> None:
    """Let what is ready happen."""
    for _ in range(5):
        await asyncio.sleep(0)


class Told(list[ChannelState]):
    """What the room has told."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.news = asyncio.Event()

    def __call__(self, state: ChannelState) -> None:
        """Take a change."""
        self.append(state)
        self.news.set()


@dataclass
class Lab:
    """The room with its tunnels, in front of an authority in a simulated home."""

    bench: Bench
    room: ClsRoom
    own: Identity
    told: Told
    gateways: list[Gateway] = field(default_factory=list)
    knocked: list[Emt] = field(default_factory=list)

    async def until(
        self, found: Callable[[ChannelState], bool], tunnel: str = "t"
    ) -> ChannelState:
        """Wait until a tunnel has come to some state."""
        async with asyncio.timeout(20):
            while not ((s := self.room.states.get(tunnel)) and found(s)):
                self.told.news.clear()
                await self.told.news.wait()
        return self.room.states[tunnel]

    async def phase(self, phase: ChannelPhase, tunnel: str = "t") -> ChannelState:
        """Wait for a phase."""
        return await self.until(lambda state: state.phase is phase, tunnel)

    async def failure(self) -> ChannelReason:
        """Wait until something has gone wrong, and return what."""
        state = await self.until(lambda state: state.reason is not None)
        assert state.reason is not None
        return state.reason

    async def gateway(self, own: Identity | None = None, **more: Any) -> Gateway:
        """Return a gateway that knows us."""
        shown = own or identity(self.own.facts.curve or "")
        made = await Gateway(shown, more.pop("cls", self.own), **more).start()
        self.gateways.append(made)
        return made

    def out(self, gateway: Gateway, /, **more: Any) -> TunnelConfig:
        """Return the tunnel that we open."""
        fields: dict[str, Any] = {
            "tunnel_id": "t",
            "participant_id": "supplier",
            "kind": TunnelKind.OUT_SNI if gateway.sni else TunnelKind.OUT_SOCKS,
            "peers": (gateway.own.facts.fingerprint,),
            "own": self.own,
            "gateway": gateway.endpoint,
            "destination": EMT,
        }
        return TunnelConfig(**(fields | more))

    def into(self, peer: Identity, /, **more: Any) -> TunnelConfig:
        """Return the tunnel that a gateway opens."""
        fields: dict[str, Any] = {
            "tunnel_id": "t",
            "participant_id": "supplier",
            "kind": TunnelKind.INBOUND,
            "peers": (peer.facts.fingerprint,),
            "own": self.own,
            "listen": Endpoint("127.0.0.1", free_port()),
        }
        return TunnelConfig(**(fields | more))

    async def knock(
        self,
        config: TunnelConfig,
        peer: Identity,
        *,
        context: ssl.SSLContext | None = None,
    ) -> Emt:
        """Dial us as a gateway does, and return the EMT behind it."""
        assert config.listen is not None
        context = context or gateway_context(peer, self.own, server=False)
        reader, writer = await asyncio.open_connection(
            config.listen.host, config.listen.port, ssl=context
        )
        self.knocked.append(Emt(reader, writer))
        return self.knocked[-1]

    def headers(self, transaction: str | None = None, age: int = 0) -> dict[str, str]:
        """Return the headers of a write made now, or some seconds ago."""
        created = self.bench.clock.utc() - timedelta(seconds=age)
        return write_headers(created, transaction)

    async def write(
        self, emt: Emt, method: str, path: str, body: Any = None, **headers: str
    ) -> Reply:
        """Send a command."""
        return await emt.ask(method, path, body, self.headers() | headers)

    async def refusals(self) -> list[Any]:
        """Return what the ledger has of refused commands."""
        return [r for r in await self.bench.rows() if r["kind"] == "refused"]


type MakeLab = Callable[..., Awaitable[Lab]]


@pytest.fixture
async def make_lab(socket_enabled: None) -> AsyncGenerator[MakeLab]:
    """Return a function that makes a lab."""
    labs: list[Lab] = []
    # A disk that is quick: nobody pulls the plug here.
    folder = TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)

    async def make(
        curve: str = "secp256r1", timer: Timer | None = None, chance: float = 0.5
    ) -> Lab:
        clock = FakeClock()
        clock.wall = datetime.now(UTC)
        ledger = Ledger(Store(Path(folder.name, f"{len(labs)}.db"), LedgerKey.made()))
        await ledger.open(clock.stamp())
        bench = Bench.of(ledger, clock)
        await bench.authority.start()
        told = Told()
        room = ClsRoom(
            ClsPorts(
                authority=bench.authority,
                home=bench.home,
                catalogue=Things(),
                about=About(version="1.2.3"),
                now=clock.stamp,
                changed=told,
                timer=timer or LoopTimer(),
                chance=lambda: chance,
            )
        )
        lab = Lab(bench, room, identity(curve), told)
        labs.append(lab)
        return lab

    yield make
    for lab in labs:
        await lab.room.close()
        for gateway in lab.gateways:
            await gateway.close()
        for emt in lab.knocked:
            emt.writer.transport.abort()
        await settle()
        await lab.bench.authority.close()
        await lab.bench.ledger.close()
    folder.cleanup()


@pytest.fixture
async def lab(make_lab: MakeLab) -> Lab:
    """A lab on P-256, in real time."""
    return await make_lab()


@dataclass
class Desk:
    """The API alone: connections without TLS, for what has nothing to do with it."""

    lab: Lab
    servers: list[asyncio.Server] = field(default_factory=list)
    emts: list[Emt] = field(default_factory=list)
    streams: list[HttpStream] = field(default_factory=list)

    async def emt(self, whose: str = "supplier", **more: Any) -> Emt:
        """Return a new connection of a participant."""
        caller = Caller(
            participant_id=whose, tunnel=TunnelKind.DIRECT, outer="ab" * 32, **more
        )
        api = self.lab.room._api
        loop = asyncio.get_running_loop()

        def accept() -> HttpStream:
            self.streams.append(api.stream(caller))
            return self.streams[-1]

        server = await loop.create_server(accept, "127.0.0.1", 0)
        self.servers.append(server)
        port = server.sockets[0].getsockname()[1]
        emt = ConformingEmt(*await asyncio.open_connection("127.0.0.1", port))
        self.emts.append(emt)
        return emt


@pytest.fixture
async def desk(lab: Lab) -> AsyncGenerator[Desk]:
    """The API alone."""
    made = Desk(lab)
    yield made
    for emt in made.emts:
        emt.writer.transport.abort()
    for server in made.servers:
        server.close()
        await server.wait_closed()
    for stream in made.streams:
        await stream.gone()
