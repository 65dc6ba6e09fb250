"""The published client theben-conexa-smgw, to be measured; in an environment of its own.

Its users create it once and then ask it for the newest values; it reads one usage point.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any, override

import aiohttp
from theben_conexa_smgw import ConexaSMGW  # type: ignore[import-not-found]

from .child import Client, Job, plain, serve

# Seconds; between real polls, a quarter hour apart, the connection is idle for too long.
IDLE = 0.1


class PeerClient(Client):
    """A new connection per poll, over a session that its users keep."""

    packages = ("theben-conexa-smgw", "aiohttp")

    def __init__(self, job: Job) -> None:
        """Take the gateway."""
        self._job = job
        self._http: aiohttp.ClientSession | None = None
        self._gateway: Any = None

    @override
    async def forget(self) -> None:
        """Begin with a new session."""
        self._gateway = None
        if self._http is not None:
            await self._http.close()
            self._http = None

    @override
    async def prepare(self) -> None:
        """Make the session."""
        if self._http is None:
            connector = aiohttp.TCPConnector(keepalive_timeout=IDLE)
            self._http = aiohttp.ClientSession(connector=connector)

    @override
    async def poll(self) -> list[str]:
        """Poll as its users do: the first time it looks around, then it only reads.

        In the end let the connection grow too old.
        """
        assert self._http is not None
        if self._gateway is None:
            self._gateway = await ConexaSMGW.create(
                self._http,
                self._job.url.removeprefix("https://"),
                self._job.user,
                self._job.password,
            )
        values = await self._gateway.getLatestValues()
        await asyncio.sleep(2 * IDLE)
        return [
            self._gateway.gatewayInfo.firmwareVersion,
            *sorted(
                f"{_code(obis)} {plain(Decimal(value.value) / 1000)}"
                for obis, value in values.items()
            ),
        ]


def _code(obis: str) -> str:
    """Return `0100010800ff` as `1-0:1.8.0`."""
    a, b, c, d, e, _ = bytes.fromhex(obis)
    return f"{a}-{b}:{c}.{d}.{e}"


if __name__ == "__main__":
    serve(PeerClient(Job.given()))
