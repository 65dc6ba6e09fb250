"""One SOCKS exchange with a CLS, with its faults."""

import asyncio

from simulator.faults import FaultSet
from simulator.tunnel.stream import TlsStream

from . import socks
from .profiles import Profile


class SocksTalk:
    """The proxy's answers, whole, split, late or cut."""

    def __init__(self, han: TlsStream, faults: FaultSet) -> None:
        """Speak with a CLS whose TLS stands."""
        self._han = han
        self._faults = faults
        self._reader = socks.Reader(han)
        self._cut = faults.take("socks_cut")
        self._left = int(self._cut["bytes"]) if self._cut else 0
        self._split = faults.take("socks_split") is not None
        silent = faults.take("socks_silent")
        self._silent = (int(silent["at"]), float(silent["seconds"])) if silent else None

    @property
    def rest(self) -> bytes:
        """Return what the CLS has sent behind its request."""
        return self._reader.rest

    async def listen(self) -> socks.Request:
        """Return what the CLS wants; SocksError or OSError if it is no SOCKS."""
        method = await socks.greeting(self._reader)
        if fault := self._faults.take("socks_method"):
            method = int(fault["code"])
        version = 5
        if fault := self._faults.take("socks_version"):
            version = int(fault["number"])
        await self._pause(0)
        await self._send(socks.choice(method, version))
        if method == 0xFF:
            raise socks.SocksError("no method fits")
        return await socks.request(self._reader)

    def eager(self, profile: Profile | None) -> bool:
        """Tell whether the EMT's first bytes go out along with the reply."""
        emt = profile.emt if profile else ""
        return self._faults.take("socks_eager", emt) is not None

    async def answer(self, reply: int, early: bytes) -> None:
        """Send the reply, and what the EMT has sent already."""
        bound = "ipv4"
        if fault := self._faults.take("socks_bound"):
            bound = str(fault["kind"])
        await self._pause(1)
        await self._send(socks.answer(reply, bound) + early)

    async def give_up(self, reply: int | None) -> None:
        """End the talk with a client that broke the rules."""
        try:
            if reply is not None:
                await self._send(socks.answer(reply))
        except OSError:
            self._han.abort()
        else:
            await self._han.close()

    async def _pause(self, at: int) -> None:
        if self._silent is not None and self._silent[0] == at:
            await asyncio.sleep(self._silent[1])

    async def _send(self, data: bytes) -> None:
        if self._cut is not None:
            part, self._left = data[: self._left], self._left - len(data)
            if part:
                await self._han.write(part)
            if self._left <= 0:
                self._han.abort()
                raise ConnectionAbortedError("cut")
            return
        if not self._split:
            await self._han.write(data)
            return
        for at in range(len(data)):
            await self._han.write(data[at : at + 1])
