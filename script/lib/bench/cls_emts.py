"""The market participants in this process: a JSON line for each JSON line.

`python -m bench.cls_emts PKI SPEAKING BARE` makes as many that speak the API, and as many
that only send requests to a bare handler. Commands:

- `{"wait": N, "bare": N}` waits until so many homes are there
- `{"orders": [ORDER, ...]}` sends each at its time; tells when each was sent and answered, how
  many bytes the answer had, and how many items were in it
- `{"orders": [ORDER, ...], "gap": S}` sends each so long after the answer to the one before
- `{"live": [NAME, ...]}` lets these give signs of life and follow the events
- `{"stand": true}` tells what came in so far

Times are seconds of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
import sys
import time
from typing import Any

from simulator.emt import calls
from simulator.emt.backend import Emt
from simulator.emt.calls import Call, Span
from simulator.emt.pipe import HttpPipe
from simulator.emt.session import Session
from simulator.tunnel.pki import MockPki, fingerprint

from .cls_pki import read_pki

_HOST = "127.0.0.1"
_HOUR = Span(seconds=3600)
_OPEN = Span(endless=True)
# Seconds: more often than anybody has to, and a long poll as a real one has it.
_EVERY, _PATIENCE = 5.0, 20
_READY = 50.0
"""Seconds in which all tunnels have to be open."""

type Order = dict[str, Any]


class Market:
    """All of them."""

    def __init__(self, pki: MockPki, speaking: int, bare: int) -> None:
        """Make their certificates."""
        self.emts = {
            f"{sort}{number}": Emt(f"{sort}{number}", pki, asyncio.run)
            for sort, count in (("emt", speaking), ("bare", bare))
            for number in range(count)
        }
        self._sessions: dict[str, Session] = {}
        self._reading: list[asyncio.Task[None]] = []
        for key, emt in self.emts.items():
            emt.silent, emt.raw = True, key.startswith("bare")
            emt.every, emt.patience = _EVERY, _PATIENCE

    async def start(self) -> None:
        """Listen for the gateway."""
        for emt in self.emts.values():
            await emt.start(_HOST)

    async def stop(self) -> None:
        """Hang up."""
        for task in self._reading:
            task.cancel()
        for emt in self.emts.values():
            await emt.stop()

    def described(self) -> list[dict[str, Any]]:
        """Return what the gateway's profiles need."""
        return [
            {
                "key": key,
                "name": emt.name,
                "port": emt.port,
                "address": emt.address,
                "fingerprint": fingerprint(emt.certificate.der),
            }
            for key, emt in self.emts.items()
        ]

    async def wait(self, speaking: int, bare: int) -> dict[str, Any]:
        """Wait until so many homes are there; return how long that took."""
        begun = time.monotonic()
        async with asyncio.timeout(_READY):
            for number in range(speaking):
                while not self._connected(f"emt{number}"):
                    await asyncio.sleep(0.02)
            for number in range(bare):
                while not self._take(f"bare{number}"):
                    await asyncio.sleep(0.02)
        return {"took": time.monotonic() - begun}

    async def send(self, orders: list[Order]) -> dict[str, Any]:
        """Send each order `at` so many seconds from now; return the moments in their order."""
        start = time.monotonic()
        sent = (self._send(order, start + order["at"]) for order in orders)
        return {"sent": await asyncio.gather(*sent)}

    async def send_apart(self, orders: list[Order], gap: float) -> dict[str, Any]:
        """Send each order so many seconds after the answer to the one before."""
        sent = [await self._send(order, time.monotonic() + gap) for order in orders]
        return {"sent": sent}

    async def _send(self, order: Order, at: float) -> list[float]:
        session, call = self._session(order["emt"]), _call(order)
        await asyncio.sleep(at - time.monotonic())
        sent = time.monotonic()
        answer = await session.send(call)
        answered = time.monotonic()
        if answer.status not in (200, 202):
            raise RuntimeError(f"{order}: {answer.status} {answer.body.decode()}")
        return [sent, answered, len(answer.body), answer.body.count(b'"quality"')]

    def live(self, keys: list[str]) -> dict[str, Any]:
        """Let participants do what they do all day."""
        for key in keys:
            self.emts[key].silent = False
        return {}

    def stand(self) -> dict[str, Any]:
        """Return what came in: homes now there, tunnels ever, signs of life, events, receipts."""
        homes = [home for emt in self.emts.values() for home in emt.homes]
        return {
            "connected": sum(home.connected for home in homes),
            "tunnels": sum(home.tunnels for home in homes),
            "beats": sum(home.heartbeats for home in homes),
            "events": sum(len(home.events) for home in homes),
            "receipts": sum(len(home.receipts) for home in homes),
            "bad_receipts": sum(
                not receipt.good for home in homes for receipt in home.receipts.values()
            ),
        }

    def _connected(self, key: str) -> bool:
        return any(home.connected for home in self.emts[key].homes)

    def _take(self, key: str) -> bool:
        """Speak HTTP on a stream that was handed out."""
        if key in self._sessions:
            return True
        try:
            stream = self.emts[key].take(0)
        except TimeoutError:
            return False
        pipe = HttpPipe(stream, self.emts[key].name)
        self._reading.append(asyncio.create_task(pipe.run()))
        self._sessions[key] = Session(pipe, self.emts[key].now)
        return True

    def _session(self, key: str) -> Session:
        session = self._sessions.get(key) or self.emts[key].home.session
        assert session is not None
        return session


def _call(order: Order) -> Call:
    """Return an order as a request; those for a bare handler look the same."""
    value = order.get("value", True)
    match order["what"]:
        case "items":
            return calls.get("/items")
        case "limit":
            return calls.limit("consumption", _HOUR, watts=value)
        case "sized":
            return calls.get(f"/sized/{value}")
    return calls.set_item(order["item"], value, _OPEN)


async def main(pki: Path, speaking: int, bare: int) -> None:
    """Run until standard input ends."""
    market = Market(read_pki(pki), speaking, bare)
    await market.start()
    _answer(emts=market.described())
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        if "wait" in asked:
            _answer(**await market.wait(asked["wait"], asked["bare"]))
        elif "gap" in asked:
            _answer(**await market.send_apart(asked["orders"], asked["gap"]))
        elif "orders" in asked:
            _answer(**await market.send(asked["orders"]))
        elif "live" in asked:
            _answer(**market.live(asked["live"]))
        else:
            _answer(**market.stand())
    await market.stop()


def _answer(**content: Any) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
