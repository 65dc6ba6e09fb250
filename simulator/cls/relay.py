"""An open channel: bytes both ways until somebody ends it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from simulator.clock import Deadline, SimClock, utc_text
from simulator.faults import FaultSet
from simulator.tunnel.stream import Stream, TlsError, TlsStream

from .profiles import Profile

_NUMBERS = count(1)
_ENDLESS = 10 * 365 * 86_400.0


@dataclass(slots=True)
class Channel:
    """CLS and EMT, joined; ``up`` counts the bytes to the EMT, ``down`` to the CLS."""

    profile: Profile
    han: TlsStream
    wan: Stream
    clock: SimClock
    faults: FaultSet
    number: int = field(default_factory=lambda: next(_NUMBERS))
    up: int = 0
    down: int = 0
    alert: int | None = None
    since: str = ""
    _ended: asyncio.Future[str] = field(init=False)
    _limit: Deadline = field(init=False)
    _idle: Deadline = field(init=False)
    _how: str = "close"

    def __post_init__(self) -> None:
        """Start the time."""
        self._ended = asyncio.get_running_loop().create_future()
        self.since = utc_text(self.clock.now())
        fault = self.faults.take("session", self.profile.emt)
        seconds = float(fault["seconds"]) if fault else self.profile.session
        self._limit = Deadline(self.clock, seconds or _ENDLESS)
        self._stir()

    def shown(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "number": self.number,
            "profile": self.profile.key,
            "emt": self.profile.emt,
            "scenario": self.profile.scenario,
            "since": self.since,
            "up": self.up,
            "down": self.down,
        }

    def end(self, reason: str, how: str = "close") -> None:
        """End it: ``close`` says good-bye, ``fin`` does not, ``reset`` resets."""
        if not self._ended.done():
            self._how = how
            self._ended.set_result(reason)

    def look(self) -> None:
        """End it if its time is over."""
        if self._limit.passed():
            self.end("session")
        elif self.profile.idle and self._idle.passed():
            self.end("idle")

    async def run(self, early: bytes) -> str:
        """Pass bytes on until the end; return who or what ended it.

        ``early`` came from the CLS already.
        """
        pumps = [
            asyncio.create_task(self._pump("up", early)),
            asyncio.create_task(self._pump("down", b"")),
        ]
        try:
            reason = await self._ended
        except asyncio.CancelledError:
            reason, self._how = "gateway", "reset"
            raise
        finally:
            for pump in pumps:
                pump.cancel()
            try:
                await asyncio.gather(*pumps, return_exceptions=True)
            except asyncio.CancelledError:
                # the world ends while the channel does
                self.han.abort()
                self.wan.abort()
                raise
            await self._close()
        return reason

    async def _close(self) -> None:
        if self._how == "reset":
            self.han.abort()
            self.wan.abort()
        else:
            fin = self._how == "fin"
            han = self.han.drop() if fin else self.han.close()
            try:
                await asyncio.gather(han, self.wan.close())
            except asyncio.CancelledError:
                # one that is cancelled before it starts closes nothing
                self.han.abort()
                self.wan.abort()
                raise

    async def _pump(self, direction: str, early: bytes) -> None:
        up = direction == "up"
        source, sink = (self.han, self.wan) if up else (self.wan, self.han)
        try:
            data = early or await source.read()
            while data:
                self._stir()
                await self._pass(direction, data, sink)
                data = await source.read()
            self.end("cls" if up else "emt")
        except TlsError as err:
            self.alert = err.alert
            self.end("tls", "close")
        except OSError:
            self.end("lost", "reset")

    async def _pass(self, direction: str, data: bytes, sink: Stream) -> None:
        faults, emt = self.faults, self.profile.emt
        if fault := faults.take("relay_delay", emt):
            await asyncio.sleep(float(fault["seconds"]))
        if faults.take("relay_damage", emt):
            await self.han.damage()
        if (fault := faults.get("relay_swallow")) and _meets(
            fault["direction"], direction
        ):
            if faults.take("relay_swallow", emt):
                return
        if direction == "down" and faults.take("relay_half_close", emt):
            await self.han.say_goodbye()
            return
        data, cut = self._cut(direction, data)
        for piece in self._pieces(data):
            await sink.write(piece)
            if len(piece) < len(data) and (fault := faults.get("relay_trickle")):
                await asyncio.sleep(float(fault["seconds"]))
        if direction == "up":
            self.up += len(data)
        else:
            self.down += len(data)
        if cut:
            self.end("cut", cut)

    def _cut(self, direction: str, data: bytes) -> tuple[bytes, str]:
        """Return what may still pass, and how to end it then."""
        fault = self.faults.get("relay_cut")
        if fault is None or not _meets(fault["direction"], direction):
            return data, ""
        if fault.params.get("action") not in (None, self.profile.emt):
            return data, ""
        left = int(fault["bytes"])
        if len(data) <= left and left:
            fault.params["bytes"] = left - len(data)
            if fault.params["bytes"]:
                return data, ""
        self.faults.discard("relay_cut")
        return data[:left], str(fault["how"])

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        if self.faults.take("relay_trickle", self.profile.emt):
            yield from (data[at : at + 1] for at in range(len(data)))
        elif data:
            yield data

    def _stir(self) -> None:
        self._idle = Deadline(self.clock, self.profile.idle or _ENDLESS)


def _meets(wanted: str, direction: str) -> bool:
    return wanted in ("any", direction)
