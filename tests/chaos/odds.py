"""A home in simulated time, two participants at odds, and real tunnels between them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
import random
from typing import Any

from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import ChannelPhase, TunnelConfig, TunnelKind
from custom_components.smgw.cls.ports import About, ClsPorts
from custom_components.smgw.cls.room import ClsRoom
from custom_components.smgw.control.keys import LedgerKey
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.limitation import Failsafe
from custom_components.smgw.control.model import Access, ItemGrant, LimitGrant
from custom_components.smgw.control.settings import House
from custom_components.smgw.control.store import Store
from tests.cls.conftest import FakeTimer, Things
from tests.cls.emt import Emt, Reply, write_headers
from tests.cls.world import EMT, Gateway, identity
from tests.control.helpers import FakeClock
from tests.control.house import (
    CONSUMPTION,
    GRID,
    MEASURED,
    PUMP,
    SUPPLIER,
    WALLBOX,
    Bench,
    FakeHome,
    stopped,
)
from tests.control.test_chaos import Owed

from .promises import Broken, whose

BEAT = 30
"""Seconds between two signs of life."""
FOLLOW = 90
"""Seconds that the devices have to follow a limit."""
KEY = LedgerKey.made()
OWN, HAN = identity(), identity()
OPERATOR = replace(
    GRID,
    grants=(
        LimitGrant(
            direction=CONSUMPTION,
            failsafe=Failsafe(watts=Decimal(4200)),
            low=Decimal(0),
        ),
        ItemGrant(item_id="switch.boiler", access=Access.WRITE),
        ItemGrant(item_id="cls.one", access=Access.WRITE),
    ),
)
WHO = {"grid": OPERATOR, "supplier": SUPPLIER}
HOUSE = House(measured=MEASURED, executors={CONSUMPTION: (WALLBOX, PUMP)})


@dataclass
class Sent:
    """A command, as its sender knows it."""

    who: str
    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    answer: Reply | None = None

    @property
    def transaction(self) -> str:
        """Return its id."""
        return self.headers["transactionId"]


@dataclass
class Line:
    """A participant's way in: a gateway, and the stream it has at the moment."""

    name: str
    gateway: Gateway
    stream: Emt | None = None


@dataclass
class Odds:
    """The home, the two of them, and what is owed to whom."""

    file: Path
    seed: int
    sent: list[Sent] = field(default_factory=list)
    broken: Broken = field(default_factory=Broken)

    def __post_init__(self) -> None:
        """Begin."""
        self.chance = random.Random(self.seed)
        self.clock = FakeClock(datetime.now(UTC))
        self.home = FakeHome(self.clock)
        self.timer = FakeTimer()
        self.owed = Owed()
        self.passed = 0.0
        self.calm = 0.0
        """Since when nothing was owed that is less than before."""
        self.before: Decimal | None = None
        self.lines: dict[str, Line] = {}

    # The home.

    async def open(self) -> None:
        """Start the gateways, then the home."""
        for name in WHO:
            self.lines[name] = Line(name, await Gateway(HAN, OWN).start())
        await self.start()

    async def start(self) -> None:
        """Start the home; what it shows first is limited, if that is owed."""
        self.ledger = Ledger(Store(self.file, KEY))
        await self.ledger.open(self.clock.stamp())
        self.home.pictures.clear()
        people = tuple(WHO.values())
        self.bench = Bench.of(
            self.ledger, self.clock, self.home, HOUSE, people, chance=0
        )
        await self.bench.authority.start()
        for picture in self.home.pictures:
            limit = picture.limits.get(CONSUMPTION)
            self.broken.shown("start", limit and limit.watts, self.limit)
        self.room = ClsRoom(
            ClsPorts(
                authority=self.bench.authority,
                home=self.home,
                catalogue=Things(),
                about=About(version="1"),
                now=self.clock.stamp,
                changed=lambda state: None,
                timer=self.timer,
                chance=lambda: 0.5,
            )
        )
        await self.room.configure([tunnel(line) for line in self.lines.values()])

    async def stop(self, *, orderly: bool) -> None:
        """Stop the home, in good order or in the middle of whatever it does."""
        if not orderly:
            await stopped(self.bench)
        await self.room.close()
        if orderly:
            await self.bench.authority.close()
        await self.ledger.close()

    async def close(self) -> None:
        """End everything."""
        await self.stop(orderly=False)
        for line in self.lines.values():
            await line.gateway.close()

    # The participants.

    async def stream(self, name: str) -> Emt:
        """Return a participant's stream, the new one if the old one is gone."""
        line = self.lines[name]
        while (
            line.stream is None
            or line.stream.reader.at_eof()
            or line.stream.writer.is_closing()
            or not line.gateway.streams.empty()
        ):
            try:
                line.stream = await asyncio.wait_for(line.gateway.streams.get(), 0.05)
            except TimeoutError:
                line.stream = None
                if self.room.states[name].phase is ChannelPhase.WAITING:
                    await self.timer.move(10)
        return line.stream

    async def ask(self, name: str, method: str, path: str, **more: Any) -> Reply:
        """Ask until there is an answer, over as many streams as it takes."""
        while True:
            try:
                stream = await self.stream(name)
                answer = await stream.ask(method, path, **more)
            except OSError, EOFError:
                self.lines[name].stream = None
                continue
            if answer.status != 429:
                return answer
            await self.timer.move(1)

    def command(self, who: str, method: str, path: str, body: dict[str, Any]) -> Sent:
        """Return a new command, made now."""
        headers = write_headers(self.clock.utc())
        self.sent.append(Sent(who, method, path, body, headers))
        return self.sent[-1]

    async def send(self, sent: Sent) -> Reply:
        """Send a command, always the same one, until it is answered; the answer is always the same one."""
        answer = await self.ask(
            sent.who, sent.method, sent.path, body=sent.body, headers=sent.headers
        )
        known = sent.answer
        if known is not None and (known.status, known.json) != (
            answer.status,
            answer.json,
        ):
            self.broken.other.append(f"{sent}: then {answer.json}")
        sent.answer = answer
        return answer

    async def lose(self, sent: Sent) -> None:
        """Send a command over a stream that breaks before, while or after it is taken."""
        stream = await self.stream(sent.who)
        stream.send(sent.method, sent.path, sent.body, sent.headers)
        for _ in range(self.chance.choice((0, 1, 3, 10, 30))):
            await asyncio.sleep(0)
        self.lines[sent.who].gateway.cut()
        self.lines[sent.who].stream = None

    # What is owed.

    @property
    def limit(self) -> Decimal | None:
        """Return what is owed now."""
        return None if self.owed.watts is None else Decimal(self.owed.watts)

    def look(self, when: str) -> None:
        """Count what is not as it is owed; and when less was last asked for."""
        owed = self.limit
        if owed is not None and (self.before is None or owed < self.before):
            self.calm = self.passed
        self.before = owed
        self.broken.shown(f"{when} at {self.passed}", self.home.limit(), owed)
        if self.passed - self.calm >= FOLLOW:
            self.broken.drawn(f"{when} at {self.passed}", self.home.drawn(), owed)

    async def wait(self, seconds: float, beating: tuple[str, ...] = tuple(WHO)) -> None:
        """Let time pass, looking at everything every few seconds."""
        end = self.passed + seconds
        while self.passed < end:
            step = min(BEAT, end - self.passed)
            await self.bench.wait(step)
            await self.timer.move(step)
            self.passed += step
            self.owed.pass_to(self.passed)
            for name in beating:
                await self.ask(name, "POST", "heartbeat")
            await self.bench.settle()
            await self.bench.wait(0)
            self.look("later")

    async def judge(self) -> None:
        """Bring everything to its end; each command has one receipt, and the same answer as ever."""
        self.home.broken.clear()
        for sent in self.sent:
            await self.send(sent)
        await self.bench.settle()
        for name in WHO:
            await self.send(self.command(name, "POST", "release", {}))
            self.owed.released(name)
        await self.wait(120)
        for sent in self.sent:
            assert sent.answer is not None
            told = await self.ask(sent.who, "GET", f"commands/{sent.transaction}")
            receipts = told.json.get("receipts", [])
            if len(receipts) != 1:
                self.broken.lost.append(f"{sent}: {receipts}")
        self.broken.carried(whose(because) for *_, because in self.home.writes)
        assert await self.ledger.check() is None
        self.broken.judge()


def tunnel(line: Line) -> TunnelConfig:
    """Return the way to a participant's gateway."""
    own: Identity = OWN
    return TunnelConfig(
        tunnel_id=line.name,
        participant_id=line.name,
        kind=TunnelKind.OUT_SOCKS,
        peers=(HAN.facts.fingerprint,),
        own=own,
        gateway=line.gateway.endpoint,
        destination=EMT,
    )


type Step = Callable[[Odds], Any]


async def both(odds: Odds) -> None:
    """Both limit the consumption at the same moment; one of the two may lose its stream over it."""
    orders = []
    for name in WHO:
        watts, length = (
            odds.chance.randrange(1700, 9000),
            odds.chance.randrange(60, 900),
        )
        kind = "para14a" if name == "grid" else "contract"
        body = {"direction": "consumption", "kind": kind, "watts": watts}
        begin = odds.chance.choice((0, 0, 0, 300))
        if begin:
            start = odds.clock.utc() + timedelta(seconds=begin)
            body["from"] = start.isoformat()
        sent = odds.command(name, "POST", "limits", body | {"duration_s": length})
        orders.append((sent, name, begin, length, watts))
    if odds.chance.random() < 0.4:
        await odds.lose(odds.chance.choice(orders)[0])
    for answer in await asyncio.gather(*(odds.send(order[0]) for order in orders)):
        assert answer.status == 202, answer.json
    for _, name, begin, length, watts in orders:
        start_at = odds.passed + begin
        odds.owed.ordered(name, start_at, start_at + length, watts)


async def same_item(odds: Odds) -> None:
    """Both set the same item to opposite values: the operator's is there in the end, whoever came first."""
    value = odds.chance.random() < 0.5
    item = odds.chance.choice(("switch.boiler", "cls.one"))
    sent = [
        odds.command(
            name,
            "POST",
            f"items/{item}/commands",
            {"value": value is (name == "grid"), "duration_s": 600},
        )
        for name in odds.chance.sample(list(WHO), 2)
    ]
    if odds.chance.random() < 0.4:
        await odds.lose(odds.chance.choice(sent))
    answers = await asyncio.gather(*(odds.send(one) for one in sent))
    await odds.bench.settle()
    for one, answer in zip(sent, answers, strict=True):
        if one.who == "grid":
            assert answer.status == 202, answer.json
        elif answer.status != 202:
            assert answer.json["code"] == "outranked", answer.json
    hold = odds.home.picture.items[item]
    if (hold.participant_id, hold.value) != ("grid", value):
        odds.broken.other.append(f"{item} is held by {hold}")
    if item in odds.home.values and odds.home.values[item] is not value:
        odds.broken.other.append(f"{item} is {odds.home.values[item]}")


async def wallbox(odds: Odds) -> None:
    """The supplier wants the wallbox at full power; a limit goes before it."""
    body = {"value": "11000", "unit": "W", "duration_s": 300}
    sent = odds.command("supplier", "POST", "items/number.wallbox/commands", body)
    await odds.send(sent)


async def release(odds: Odds) -> None:
    """One of the two takes everything back; the other one's stays."""
    name = odds.chance.choice(list(WHO))
    sent = odds.command(name, "POST", "release", {})
    if odds.chance.random() < 0.4:
        await odds.lose(sent)
    await odds.send(sent)
    odds.owed.released(name)


async def wait(odds: Odds) -> None:
    """Time passes."""
    await odds.wait(odds.chance.choice((30, 60, 120, 300, 600)))


async def silence(odds: Odds) -> None:
    """One of the two is not heard for a while: what was promised to it is kept, and the other one goes on."""
    name = odds.chance.choice(list(WHO))
    await odds.wait(odds.chance.choice((90, 150, 300)), (name,))


async def jump(odds: Odds) -> None:
    """The wall clock jumps, stays wrong for a while, and comes back."""
    seconds = odds.chance.choice((-86400, -3600, -300, 300, 3600, 86400))
    odds.clock.step(seconds)
    await odds.wait(60)
    odds.look("wrong clock")
    odds.clock.step(-seconds)
    await odds.bench.wait(0)


async def wrong_clock(odds: Odds) -> None:
    """A participant's own clock is off: it is refused, and decides about nothing."""
    body = {"value": True, "duration_s": 60}
    sent = odds.command("grid", "POST", "items/switch.boiler/commands", body)
    off = timedelta(seconds=odds.chance.choice((-86400, -301, 301, 86400)))
    sent.headers |= write_headers(odds.clock.utc() + off, sent.transaction)
    held = odds.home.picture.items.get("switch.boiler")
    answer = await odds.send(sent)
    assert answer.json["code"] in ("stale", "from_the_future")
    assert odds.home.picture.items.get("switch.boiler") == held


async def again(odds: Odds) -> None:
    """Somebody sends again what is long done, or was refused."""
    if odds.sent:
        await odds.send(odds.chance.choice(odds.sent))


async def restart(odds: Odds) -> None:
    """The home stops in the middle of whatever it does, and comes back, at once or later."""
    await odds.stop(orderly=odds.chance.random() < 0.3)
    away = odds.chance.choice((0, 0, 20, 200))
    odds.clock.move(away)
    odds.passed += away
    odds.owed.pass_to(odds.passed, running=False)
    await odds.start()
    await odds.wait(30)


async def killed_in_a_command(odds: Odds) -> None:
    """It stops while a command is coming in; whoever sent it asks again."""
    body = {"value": odds.chance.random() < 0.5, "duration_s": 600}
    sent = odds.command("grid", "POST", "items/switch.boiler/commands", body)
    stream = await odds.stream("grid")
    stream.send(sent.method, sent.path, sent.body, sent.headers)
    for _ in range(odds.chance.choice((1, 3, 10, 30, 60))):
        await asyncio.sleep(0)
    await odds.stop(orderly=False)
    await odds.start()
    await odds.send(sent)
    await odds.bench.settle()


STEPS: tuple[Step, ...] = (
    *(both, both, both, same_item, same_item, wallbox, release, wait, wait),
    *(silence, jump, wrong_clock, again, restart, killed_in_a_command),
)
