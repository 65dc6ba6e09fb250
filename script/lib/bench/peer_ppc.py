"""The published client py-ppc-smgw, to be measured; runs in an environment of its own.

The calls are those of the integration that uses it, but for all meters, as ours does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
import logging
from pathlib import Path
from typing import override

import httpx  # noqa: TID251
from py_ppc_smgw import PPCSMGWClient  # type: ignore[import-not-found]
from py_ppc_smgw.parsing import (  # type: ignore[import-not-found]
    parse_export_meter_values as parse_export,
    parse_meter_reading,
)

from .child import Client, Job, plain, serve

PATH = "/cgi-bin/hanservice.cgi"


class PeerClient(Client):
    """A new connection per poll; between real polls the old one is idle too long."""

    packages = ("py-ppc-smgw", "httpx", "beautifulsoup4")

    def __init__(self, job: Job) -> None:
        """Take the gateway."""
        self._job = job
        self._http: httpx.AsyncClient | None = None

    @override
    async def prepare(self) -> None:
        """Make the HTTP client, which its users keep; they do not verify certificates."""
        self._http = httpx.AsyncClient(verify=False)

    @override
    async def poll(self) -> list[str]:
        """Poll as its users do, and close the connection."""
        assert self._http is not None
        values = []
        async with (
            self._http,
            PPCSMGWClient(
                host=self._job.url + PATH,
                username=self._job.user,
                password=self._job.password,
                httpx_client=self._http,
                logger=logging.getLogger("peer"),
            ) as client,
        ):
            for meter in await client.get_meters():
                readings = await client.get_meter_reading(meter)
                values += [
                    f"{meter.name} {obis.canonical} {plain(reading.value)}"
                    for obis, reading in readings.items()
                ]
            versions = await client.get_firmware_versions()
        return ["-".join(item.version for item in versions), *sorted(values)]

    @override
    def parse(self, page: bytes) -> None:
        """Read all rows."""
        if not parse_meter_reading(page):
            raise ValueError("no rows")

    @override
    async def history(self, folder: Path) -> int:
        """Read all exports, each in a worker thread, as its client does."""
        readings = 0
        for content in _exports(folder):
            readings += len(await asyncio.to_thread(parse_export, content))
        return readings


def _exports(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.glob("*.cms")):
        yield file.read_bytes()


if __name__ == "__main__":
    serve(PeerClient(Job.given()))
