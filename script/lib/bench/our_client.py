"""Our driver, to be measured."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, override

from custom_components.smgw.han import ppc_pages
from custom_components.smgw.han.address import parse_address
from custom_components.smgw.han.certificate import read_certificate
from custom_components.smgw.han.driver import Driver, vendor_of
from custom_components.smgw.han.model import Credentials, Skipped
from custom_components.smgw.han.ppc_readings import Readings
from custom_components.smgw.han.tls import fetch_certificate
from custom_components.smgw.han.transport import Transport

from .cases import PAGE_ROWS
from .child import Client, Job, plain, serve
from .tape import played, read


class OurClient(Client):
    """One driver for all polls, as the coordinator keeps it."""

    packages = ("aiohttp",)

    def __init__(self, job: Job) -> None:
        """Take the gateway."""
        self._job = job
        self._now = datetime.fromisoformat(job.now)
        self._memory: dict[str, Any] = {}
        self._driver: Driver | None = None

    @override
    async def forget(self) -> None:
        """Begin as after set-up: the certificate is known, nothing else."""
        self._memory.clear()
        self._driver = None

    @override
    async def prepare(self) -> None:
        """Pin the gateway's certificate, as set-up does."""
        if self._driver is not None:
            return
        address = parse_address(self._job.url)
        certificate = read_certificate(await fetch_certificate(address, 10))
        if certificate.fingerprint != self._job.fingerprint:
            raise ValueError("not the gateway's certificate")
        transport = Transport(address, certificate.gateway_id, certificate.der)
        vendor = vendor_of(certificate.gateway_id)
        self._driver = vendor.driver(transport, self._memory, lambda: self._now)

    @override
    async def poll(self) -> list[str]:
        """Poll as the coordinator does."""
        assert self._driver is not None
        snapshot = await self._driver.read_latest(
            Credentials(user=self._job.user, password=self._job.password)
        )
        values = [
            f"{meter.logical_name} {obis} {plain(reading.value)}"
            for meter in snapshot.meters.values()
            for obis, reading in meter.readings.items()
        ]
        return [snapshot.gateway.firmware or "", *sorted(values)]

    @override
    def parse(self, page: bytes) -> None:
        """Read all rows and check them, as a poll does with its few."""
        skipped: list[Skipped] = []
        profile = ppc_pages.meter_profile(ppc_pages.read(page))
        Readings().meter("", "", profile, self._now, skipped)
        if len(profile.rows) != PAGE_ROWS or skipped:
            raise ValueError("rows are missing")

    @override
    async def history(self, folder: Path) -> int:
        """Read them as the driver does, without network."""
        with played(folder):
            return await read(self._job, folder)


if __name__ == "__main__":
    serve(OurClient(Job.given()))
