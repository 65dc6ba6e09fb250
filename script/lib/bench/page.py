"""Fetch one page of historic values and save it: `python -m bench.page JOB FILE`."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
import sys

from custom_components.smgw.han import ppc_pages, ppc_session
from custom_components.smgw.han.address import parse_address
from custom_components.smgw.han.html import Page
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.tls import fetch_certificate
from custom_components.smgw.han.transport import Connection, Transport

from .child import Job

SPAN = timedelta(days=5)  # more than the page holds


async def fetch(job: Job) -> bytes:
    """Log in, ask for the first meter's values of some days, log out."""
    address = parse_address(job.url)
    pin = await fetch_certificate(address, 10)
    transport = Transport(address, job.gateway_id, pin)
    credentials = Credentials(user=job.user, password=job.password)
    end = datetime.fromisoformat(job.now).date()
    async with transport.connect(credentials) as connection:
        await connection.request("GET", ppc_session.PATH)
        try:
            listing = ppc_pages.read(await _post(connection, "meterform"))
            mid = next(iter(ppc_pages.meter_options(listing).values()))
            form = ppc_pages.read(
                await _post(connection, "showMeterValuesForm", mid=mid)
            )
            return await _post(
                connection,
                "showMeterValues",
                **{"mid": _mid(form), "from": str(end - SPAN), "to": str(end)},
            )
        finally:
            await _post(connection, "logout")


def _mid(form: Page) -> str:
    mid = form.hidden("mid", "input_metervalues")
    assert mid is not None
    return mid


async def _post(connection: Connection, action: str, **fields: str) -> bytes:
    form = {"action": action, **fields}
    return (await connection.request("POST", ppc_session.PATH, form)).body


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(asyncio.run(fetch(Job.given())))
