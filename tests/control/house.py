"""A home with devices, a grid connection and an owner, all of them simulated; and commands for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from custom_components.smgw.control.authority import Authority
from custom_components.smgw.control.clock import TrustedClock
from custom_components.smgw.control.codec import read_command
from custom_components.smgw.control.command import Command, Door, Origin
from custom_components.smgw.control.errors import EffectFailed
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.limitation import Failsafe
from custom_components.smgw.control.model import (
    Access,
    Direction,
    Item,
    ItemGrant,
    ItemKind,
    LimitGrant,
    Participant,
    PriceGrant,
    Role,
    ThingGrant,
    Value,
)
from custom_components.smgw.control.picture import Event, EventKind, Picture
from custom_components.smgw.control.ports import (
    Because,
    ItemReading,
    MeterReading,
    Ports,
    Power,
)
from custom_components.smgw.control.reasons import Reason
from custom_components.smgw.control.reply import Answer
from custom_components.smgw.control.settings import Executor, ExecutorMode, House

from .helpers import FakeClock

ORIGIN = Origin(door=Door.CLS, outer="ab" * 32)
CONSUMPTION, PRODUCTION = Direction


MEASURED = frozenset({CONSUMPTION})
WALLBOX = Executor(
    item_id="number.wallbox", mode=ExecutorMode.REDUCE, low=Decimal(1400)
)
PUMP = Executor(item_id="switch.heatpump", mode=ExecutorMode.SWITCH)


def _item(name: str, kind: ItemKind, **fields: Any) -> Item:
    defaults = {"name": name, "thing_id": "boiler", "writable": True}
    return Item(item_id=name, kind=kind, **(defaults | fields))


def items() -> dict[str, Item]:
    """Return the home's items."""
    switch, number = ItemKind.SWITCH, ItemKind.NUMBER
    found = (
        _item("switch.boiler", switch, rest=False),
        _item("number.boiler", number, unit="°C", low=Decimal(30), high=Decimal(60)),
        _item("select.boiler", ItemKind.CHOICE, options=("eco", "boost")),
        _item("sensor.boiler", ItemKind.TEXT, writable=False),
        _item("cls.one", switch, thing_id="cls", shown=True, rest=False),
        _item("number.wallbox", number, unit="W", thing_id="wallbox"),
        _item("switch.heatpump", switch, thing_id="heatpump"),
    )
    return {item.item_id: item for item in found}


class FakeHome:
    """Devices, meters, what is shown, and the alarm."""

    def __init__(self, clock: FakeClock) -> None:
        """Everything off, nothing flows."""
        self.clock = clock
        self.all_items = items()
        self.values: dict[str, Value] = {
            "switch.boiler": False,
            "number.boiler": Decimal(50),
            "select.boiler": "eco",
            "sensor.boiler": "idle",
            "number.wallbox": Decimal(11000),
            "switch.heatpump": True,
        }
        self.writes: list[tuple[str, Value, Because]] = []
        self.broken: dict[str, Exception] = {}
        self.deaf: set[str] = set()
        """Items that take a value and do nothing."""
        self.coarse: dict[str, Decimal] = {}
        """Items that know only multiples of this, and take the next lower one."""
        self.late: dict[str, Value] = {}
        """Items that do not show a value when they take it; what they have taken."""
        self.slow: dict[str, asyncio.Event] = {}
        self.powers: dict[Direction, Decimal | None] = {}
        self.power_at: datetime | None = None
        self.readings: list[MeterReading] = []
        self.pictures: list[Picture] = []
        self.events: list[Event] = []
        self.alarm: float | None = None

    # Home

    def items(self) -> Mapping[str, Item]:
        """Return all items."""
        return self.all_items

    def read(self, item_id: str) -> ItemReading | None:
        """Return what an item shows."""
        if item_id not in self.values:
            return None
        return ItemReading(value=self.values[item_id], at=self.clock.utc())

    async def write(self, item_id: str, value: Value, because: Because) -> None:
        """Set an item."""
        self.writes.append((item_id, value, because))
        if item_id in self.slow:
            await self.slow[item_id].wait()
        if item_id in self.broken:
            raise self.broken[item_id]
        if item_id in self.coarse:
            assert isinstance(value, Decimal)
            value -= value % self.coarse[item_id]
        if item_id in self.late:
            self.late[item_id] = value
        elif item_id not in self.deaf:
            self.values[item_id] = value

    # Meters

    def power(self, direction: Direction) -> Power | None:
        """Return what flows: what was set, or what the devices draw."""
        if direction in self.powers:
            watts = self.powers[direction]
        else:
            watts = self.drawn() if direction is CONSUMPTION else Decimal(0)
        if watts is None:
            return None
        return Power(watts=watts, at=self.power_at or self.clock.utc())

    def drawn(self) -> Decimal:
        """Return what the devices draw: wallbox, heat pump, and 300 W for the rest."""
        wallbox = self.values["number.wallbox"]
        assert isinstance(wallbox, Decimal)
        pump = Decimal(2500) if self.values["switch.heatpump"] else Decimal(0)
        return wallbox + pump + 300

    def registers(self) -> list[MeterReading]:
        """Return the meter's newest readings."""
        return self.readings

    # Publisher

    def publish(self, picture: Picture) -> None:
        """Show."""
        self.pictures.append(picture)

    def announce(self, event: Event) -> None:
        """Tell."""
        self.events.append(event)

    def flush(self) -> None:
        """Show at once: it was shown when it was published."""

    # Alarm

    def set(self, monotonic: float | None) -> None:
        """Set the alarm."""
        self.alarm = monotonic

    @property
    def ports(self) -> Ports:
        """Return all of it as ports."""
        return Ports(home=self, meters=self, publisher=self, alarm=self)

    @property
    def picture(self) -> Picture:
        """Return what is shown now."""
        return self.pictures[-1]

    def limit(self, direction: Direction = CONSUMPTION) -> Decimal | None:
        """Return the limit that is shown now."""
        limit = self.picture.limits.get(direction)
        return None if limit is None else limit.watts

    def told(self) -> list[EventKind]:
        """Return what was told, and forget it."""
        kinds = [event.kind for event in self.events]
        self.events.clear()
        return kinds


GRID = Participant(
    participant_id="grid",
    name="Netz",
    role=Role.GRID_OPERATOR,
    grants=(
        LimitGrant(direction=CONSUMPTION, open_ended=True, low=Decimal(4200)),
        LimitGrant(direction=PRODUCTION, open_ended=True),
        ItemGrant(item_id="switch.boiler", access=Access.WRITE),
        ItemGrant(item_id="cls.one", access=Access.WRITE, open_ended=True),
    ),
)
SUPPLIER = Participant(
    participant_id="supplier",
    name="Strom",
    role=Role.SUPPLIER,
    grants=(
        ThingGrant(thing_id="boiler", access=Access.WRITE),
        ThingGrant(thing_id="cls", access=Access.WRITE, open_ended=True),
        ItemGrant(item_id="number.wallbox", access=Access.WRITE),
        LimitGrant(
            direction=CONSUMPTION, low=Decimal(1000), longest=timedelta(hours=4)
        ),
        PriceGrant(),
    ),
)
SERVICE = replace(
    SUPPLIER, participant_id="service", name="Dienst", role=Role.SERVICE_PROVIDER
)
OWNER = Participant(participant_id="owner", name="Owner", role=Role.OWNER)
EVERYBODY = (GRID, SUPPLIER, SERVICE, OWNER)
SUPERVISED = replace(
    GRID,
    grants=(
        LimitGrant(
            direction=CONSUMPTION,
            open_ended=True,
            failsafe=Failsafe(watts=Decimal(4200)),
        ),
        LimitGrant(
            direction=PRODUCTION, open_ended=True, failsafe=Failsafe(watts=Decimal(0))
        ),
    ),
)


type Restart = Callable[..., Awaitable[Bench]]


def transaction(number: int) -> str:
    """Return a transaction id."""
    return str(UUID(int=number))


@dataclass
class Bench:
    """An authority, its home and its clock, driven by hand."""

    authority: Authority
    home: FakeHome
    clock: FakeClock
    ledger: Ledger
    count: int = 0

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        clock: FakeClock,
        home: FakeHome | None = None,
        house: House | None = None,
        participants: tuple[Participant, ...] = EVERYBODY,
        chance: float = 0.5,
    ) -> Bench:
        """Return a bench that is not started."""
        home = home or FakeHome(clock)
        authority = Authority(
            ledger,
            TrustedClock(clock),
            home.ports,
            house or House(),
            participants,
            chance=lambda: chance,
        )
        return cls(authority, home, clock, ledger)

    def command(
        self, who: Participant = GRID, number: int | None = None, **fields: Any
    ) -> Command:
        """Return a command made now; times may be given in seconds from now."""
        self.count += 1
        frame = {
            "transaction_id": transaction(self.count if number is None else number),
            "created": self.clock.utc(),
        }
        for name in ("from", "until"):
            if isinstance(fields.get(name), int):
                fields[name] = self.clock.utc() + timedelta(seconds=fields[name])
        return read_command(frame | fields, who.participant_id, ORIGIN)

    async def send(self, who: Participant = GRID, **fields: Any) -> Answer:
        """Send a command; the home looks at it at once."""
        answer = await self.authority.submit(self.command(who, **fields))
        await self.look()
        return answer

    async def limit(
        self,
        watts: int,
        who: Participant = GRID,
        direction: Direction = CONSUMPTION,
        **fields: Any,
    ) -> Answer:
        """Send a limit, an hour long unless stated otherwise."""
        kind = "para14a" if who.role is Role.GRID_OPERATOR else "contract"
        limit = {"direction": direction.value, "kind": kind, "watts": watts}
        if "until" not in fields:
            fields.setdefault("duration_s", 3600)
        return await self.send(who, limit=limit, **fields)

    async def item(
        self, item_id: str, value: Any, who: Participant = SUPPLIER, **fields: Any
    ) -> Answer:
        """Set an item, for an hour unless stated otherwise."""
        item = {"id": item_id, "value": value}
        if "unit" in fields:
            item["unit"] = fields.pop("unit")
        if "until" not in fields:
            fields.setdefault("duration_s", 3600)
        answer = await self.send(who, item=item, **fields)
        await self.settle()
        return answer

    async def refused(self, answer: Any) -> Reason:
        """Wait for an answer and return why it is a refusal."""
        verdict = (await answer).verdict
        assert not verdict.accepted
        return verdict.reason

    async def settle(self) -> None:
        """Wait until nothing is being written to a device any more."""
        await self.look()
        while tasks := list(self.authority._carrier._tasks.values()):
            if self._is_slow():
                await asyncio.sleep(0.01)
                return
            await asyncio.wait(tasks)
            await asyncio.sleep(0)
            await self.look()

    async def look(self) -> None:
        """Answer the alarm if it rings now."""
        while (ring := self.home.alarm) is not None and ring <= self.clock.seconds:
            await self.authority.tick()

    def _is_slow(self) -> bool:
        return any(not event.is_set() for event in self.home.slow.values())

    async def wait(self, seconds: float) -> None:
        """Let time pass; the alarm is answered whenever it rings."""
        await self.settle()
        end = self.clock.seconds + seconds
        while (ring := self.home.alarm) is not None and ring <= end:
            self.clock.move(max(ring - self.clock.seconds, 0))
            await self.authority.tick()
            await self.settle()
        self.clock.move(end - self.clock.seconds)

    async def keep_alive(self, seconds: int, *who: Participant) -> None:
        """Let time pass while participants give a sign of life every minute."""
        for _ in range(seconds // 60):
            await self.wait(60)
            for participant in who:
                await self.authority.contact(participant.participant_id)

    async def state(self, answer: Answer) -> str:
        """Return where a command stands."""
        record = await self.authority.status(
            answer.participant_id, answer.transaction_id
        )
        assert record is not None
        return record.state.value

    async def rows(self, answer: Answer | None = None) -> list[Mapping[str, Any]]:
        """Return the ledger's rows, of one command or all."""
        if answer is None:
            return await self.ledger.rows(0, 100_000)
        return await self.ledger.rows_of(answer.participant_id, answer.transaction_id)

    async def kinds(self, answer: Answer | None = None) -> list[str]:
        """Return what these rows are."""
        return [row["kind"] for row in await self.rows(answer)]

    async def receipt(self, answer: Answer) -> Mapping[str, Any]:
        """Return the one receipt of a command."""
        found = await self.ledger.receipts(answer.participant_id, answer.transaction_id)
        assert len(found) == 1
        return found[0]["receipt"]  # type: ignore[no-any-return]


def broken(reason: Any) -> EffectFailed:
    """Return what a device says that cannot do it."""
    return EffectFailed(reason)


async def begun(ledger: Ledger, clock: FakeClock, house: House, **more: float) -> Bench:
    """Return a started bench with a house of its own."""
    bench = Bench.of(ledger, clock, house=house, **more)  # type: ignore[arg-type]
    await bench.authority.start()
    return bench


async def stopped(bench: Bench) -> None:
    """Stop without a word: nothing more is written."""
    bench.authority._open = False
    await bench.authority._carrier.close()
    await asyncio.gather(*bench.authority._critical, return_exceptions=True)
