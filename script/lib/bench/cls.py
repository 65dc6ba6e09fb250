"""The CLS side: from a participant's command through the whole tunnel to a state of Home Assistant.

Home Assistant, the gateway's CLS proxy and the market participants are three processes. Beside our API
stands a bare handler of aiohttp in tunnels of the same kind, in the same Home Assistant.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
import json
from pathlib import Path
from random import Random
import shutil
from typing import Any, Protocol

from ha_process import VENV, free_port, prepare_config

from .cls_pki import write_pki
from .cls_plan import (
    GATEWAY,
    Peer,
    Place,
    boiler,
    configuration,
    first_subentries,
    further_subentries,
    peers,
)
from .process import OUR_VENV, BenchError, child

KINDS = ("switch", "driven", "limit")
BARE = "bare"
GAP = 0.01
"""Seconds between an answer and the next command: until all that follows from the one before is done."""
REST = 0.05
"""Seconds of idleness after which everything takes longer, whoever does it."""
_LIMIT = 20_000

type Facts = dict[str, Any]
type Order = dict[str, Any]


class Asked(Protocol):
    """A process that answers: `ClientProcess`."""

    async def ask(self, command: str) -> Facts:
        """Send a line, return the answer."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of it is measured; a participant may write sixty times a minute."""

    group: int = 8
    rounds: int = 18
    """Of one command of each kind by each participant of a group."""
    turns: int = 4
    seconds: int = 10
    """Of each turn with one command a second each."""
    items: int = 1000
    listings: int = 11
    participants: int = 50
    run: int = 30
    """Seconds in which all of them are connected."""


@dataclass(slots=True)
class Series:
    """Commands of one kind, in seconds."""

    to_state: list[float] = field(default_factory=list)
    to_answer: list[float] = field(default_factory=list)
    cpu: float = 0
    """Of Home Assistant's process, all threads, in all."""
    time: float = 0

    def take(self, other: Series) -> None:
        """Add what was measured later."""
        self.to_state += other.to_state
        self.to_answer += other.to_answer
        self.cpu += other.cpu
        self.time += other.time


@dataclass(slots=True)
class ClsResult:
    """All that was measured."""

    scale: Scale
    alone: dict[str, Series] = field(default_factory=dict)
    """One command after the other, by kind; and `bare`."""
    rested: dict[str, Series] = field(default_factory=dict)
    """The same, each after a rest."""
    appends: list[float] = field(default_factory=list)
    """Transactions of the ledger meanwhile."""
    pace: dict[str, Series] = field(default_factory=dict)
    """A group at one command a second each: `ours`, `bare`."""
    listed: dict[str, list[float]] = field(default_factory=dict)
    """By way: `thing`, `single`, `anew`, `bare`."""
    size: int = 0
    """Of a listing, in bytes."""
    run: Series = field(default_factory=Series)
    run_facts: Facts = field(default_factory=dict)


class Measurement:
    """Asks the three processes."""

    def __init__(
        self, home: Asked, market: Asked, gateway: Asked, place: Place, scale: Scale
    ) -> None:
        """Take processes that run and know nothing yet."""
        self._home, self._market, self._gateway = home, market, gateway
        self._place = place
        self._scale = scale
        self._all: list[Peer] = []
        self._bare: list[Peer] = []
        self._entities: dict[str, str] = {}
        self._values: dict[str, bool] = {}
        self._limit = count(_LIMIT, -10)
        self._random = Random(1)
        self.result = ClsResult(scale)

    async def all(self, emts: list[Facts]) -> None:
        """Measure everything."""
        await self.begin(emts)
        await self.alone()
        await self.pace()
        await self.listings()
        await self.crowd()

    async def begin(self, emts: list[Facts]) -> None:
        """Let everybody in, and open the tunnels of two groups and those of the bare handler."""
        everybody = await asyncio.to_thread(peers, emts)
        self._bare = [peer for peer in everybody if peer.key.startswith(BARE)]
        self._all = [peer for peer in everybody if peer not in self._bare]
        profiles = {"admit": [peer.profile for peer in everybody]}
        await _ask(self._gateway, profiles)
        first = first_subentries(self._place, self._all[: 2 * self._scale.group])
        await self._home_does({"entry": {"gateway_id": GATEWAY, "subentries": first}})
        bare = [peer.bare(self._place) for peer in self._bare]
        await self._home_does({"bare": bare})
        await self._wait(2 * self._scale.group)

    async def alone(self) -> None:
        """Send one command after the other, all kinds in turn, and every second time with a rest before each."""
        found = {kind: Series() for kind in (*KINDS, BARE)}
        rested = {kind: Series() for kind in found}
        self.result.alone, self.result.rested = found, rested
        group = self._all[: self._scale.group]
        for turn in range(self._scale.rounds):
            gap, all_series = (REST, rested) if turn % 2 else (GAP, found)
            for kind, series in all_series.items():
                who = self._bare if kind == BARE else group
                orders = [self._order(kind, peer) for peer in who]
                series.take(await self._measure(orders, gap=gap))

    async def pace(self) -> None:
        """Send one command a second by each of a group, at any time of the second."""
        found = self.result.pace = {"ours": Series(), BARE: Series()}
        group = self._all[self._scale.group : 2 * self._scale.group]
        await self._live(group)
        for _ in range(self._scale.turns):
            seconds = self._scale.seconds
            orders = self._second_by_second("switch", group, seconds)
            found["ours"].take(await self._measure(orders))
            orders = self._second_by_second(BARE, self._bare, seconds // 2)
            found[BARE].take(await self._measure(orders))

    async def listings(self) -> None:
        """List many items: those of a device, the same granted one by one, and as mere bytes."""
        thing, single = self._all[2 * self._scale.group :][:2]
        made = await self._home_does({"things": self._scale.items})
        items = [{"item": item, "access": "write"} for item in made["items"]]
        whole = {"thing": made["thing"], "access": "write"}
        await self._add(
            thing.participant(self._place, things=[whole]),
            single.participant(self._place, items=items),
            thing.switch(),
            single.switch(),
        )
        await self._wait(2 * self._scale.group + 2)
        touch = {"touch": made["first"]}
        listed = self.result.listed
        for way, peer in (("thing", thing), ("single", single), ("anew", thing)):
            listed[way] = [
                await self._list(peer, touch if way == "anew" else None)
                for _ in range(self._scale.listings)
            ]
        sized = {"emt": self._bare[0].key, "what": "sized", "value": self.result.size}
        sent = await self._send([sized] * self._scale.listings, REST)
        listed[BARE] = [answered - begun for begun, answered, *_ in sent]

    async def crowd(self) -> None:
        """Have all participants connected for a while; each gives signs of life and one command."""
        scale, facts = self._scale, self.result.run_facts
        facts["before"] = await self._home_does({})
        there = 2 * scale.group + 2
        added = self._all[there:]
        await self._add(*further_subentries(self._place, added))
        facts["connecting"] = (await self._wait(scale.participants))["took"]
        await self._live(self._all)
        facts["begun"] = await _ask(self._market, {"stand": True})
        facts["with_all"] = await self._home_does({"watch": True})
        orders = [self._order("switch", peer) for peer in self._all]
        for order in orders:
            order["at"] = self._random.random() * scale.run
        begun = asyncio.get_running_loop().time()
        self.result.run = await self._measure(orders, least=scale.run)
        facts["time"] = asyncio.get_running_loop().time() - begun
        facts["after"] = await self._home_does({"seen": True})
        facts["ended"] = await _ask(self._market, {"stand": True})
        facts["gateway"] = await _ask(self._gateway, {})

    # Inside.

    async def _home_does(self, what: Facts) -> Facts:
        told = await _ask(self._home, what)
        self._entities |= told.get("entities", {})
        return told

    async def _add(self, *subentries: Facts) -> None:
        """Add some at a time: who asks has no patience for all."""
        for start in range(0, len(subentries), 10):
            await self._home_does({"subentries": subentries[start : start + 10]})

    async def _wait(self, speaking: int) -> Facts:
        return await _ask(self._market, {"wait": speaking, "bare": len(self._bare)})

    async def _live(self, who: Sequence[Peer]) -> None:
        await _ask(self._market, {"live": [peer.key for peer in who]})

    def _order(self, kind: str, peer: Peer) -> Order:
        """Return an order that changes a state; `entity` and `state` say which, and to what."""
        order: Order = {"emt": peer.key, "what": kind, "at": 0.0}
        if kind == "limit":
            watts = next(self._limit)
            entity = self._entities["limit"]
            return {**order, "value": watts, "entity": entity, "state": str(watts)}
        item = entity = f"bench.{peer.key}"
        if kind != BARE:
            item = peer.switch_id(kind == "driven")
            entity = self._entities[item]
        if kind == "driven":
            entity = boiler(peer.number)
        value = self._values[item] = not self._values.get(item, False)
        state = "on" if value else "off"
        return {**order, "item": item, "value": value, "entity": entity, "state": state}

    def _second_by_second(
        self, kind: str, who: Sequence[Peer], seconds: int
    ) -> list[Order]:
        orders = []
        for second in range(seconds):
            for peer in who:
                order = self._order(kind, peer)
                orders.append({**order, "at": second + self._random.random()})
        return orders

    async def _measure(
        self, orders: list[Order], *, gap: float | None = None, least: float = 0
    ) -> Series:
        """Send, and find the change of a state that belongs to each."""
        loop = asyncio.get_running_loop()
        before, begun = await self._home_does({"marks": True}), loop.time()
        sent = await self._send(orders, gap)
        await asyncio.sleep(max(REST, begun + least - loop.time()))
        after, taken = await self._home_does({"marks": True}), loop.time() - begun
        self.result.appends += after["appends"]
        return Series(
            to_state=list(_changes(orders, sent, after["marks"])),
            to_answer=[answered - begun for begun, answered, *_ in sent],
            cpu=after["cpu"] - before["cpu"],
            time=taken,
        )

    async def _send(
        self, orders: list[Order], gap: float | None = None
    ) -> list[list[float]]:
        apart = {} if gap is None else {"gap": gap}
        told = await _ask(self._market, {"orders": orders, **apart})
        sent: list[list[float]] = told["sent"]
        return sent

    async def _list(self, peer: Peer, touch: Facts | None) -> float:
        if touch is not None:
            await self._home_does(touch)
        order = {"emt": peer.key, "what": "items"}
        ((begun, answered, size, items),) = await self._send([order], REST)
        if items < self._scale.items:
            raise BenchError(f"{items} items are listed")
        self.result.size = max(self.result.size, int(size))
        # Of ten requests a second.
        await asyncio.sleep(2 * REST)
        return answered - begun


def _changes(
    orders: list[Order], sent: list[list[float]], marks: dict[str, list[Any]]
) -> Iterator[float]:
    """Yield the time from each order until the state is there."""
    for order, (begun, *_) in zip(orders, sent, strict=True):
        for state, at in marks.get(order["entity"], ()):
            if at >= begun and _same(state, order["state"]):
                yield at - begun
                break
        else:
            raise BenchError(f"nothing came of {order}")


def _same(state: str, wanted: str) -> bool:
    return state in (wanted, f"{wanted}.0")


async def _ask(whom: Asked, what: Facts) -> Facts:
    return await whom.ask(json.dumps(what))


async def measure_cls(folder: Path, scale: Scale | None = None) -> ClsResult:
    """Measure it all with a Home Assistant in a process of its own."""
    scale = scale or Scale()
    config = folder / "cls"
    shutil.rmtree(config, ignore_errors=True)
    prepare_config(config, free_port())
    with (config / "configuration.yaml").open("a", encoding="utf-8") as yaml:
        yaml.write(configuration(2 * scale.group))
    async with (
        other_half(folder, scale) as (market, gateway, place, emts),
        child(VENV, folder / "cls_home.log", "bench.cls_home", str(config)) as home,
    ):
        measurement = Measurement(home, market, gateway, place, scale)
        await measurement.all(emts)
        await home.end()
    return measurement.result


@asynccontextmanager
async def other_half(
    folder: Path, scale: Scale
) -> AsyncIterator[tuple[Asked, Asked, Place, list[Facts]]]:
    """Run the market participants and the gateway."""
    pki = folder / "pki.json"
    write_pki(pki)
    how_many = (str(scale.participants), str(scale.group))
    async with (
        child(
            OUR_VENV, folder / "cls_emts.log", "bench.cls_emts", str(pki), *how_many
        ) as market,
        child(
            OUR_VENV, folder / "cls_gateway.log", "bench.cls_gateway", str(pki)
        ) as gateway,
    ):
        yield market, gateway, Place(**gateway.hello), market.hello["emts"]
