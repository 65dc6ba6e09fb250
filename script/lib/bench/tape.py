"""Two years of one meter as a gateway hands them out, kept on disk, and played again.

`python -m bench.tape JOB FOLDER` reads them over a real socket and keeps each answer in
a file of its own. Played back, the driver sees what it saw then, without network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import sys
from typing import Any
from unittest.mock import patch

from custom_components.smgw.han.address import parse_address
from custom_components.smgw.han.certificate import read_certificate
from custom_components.smgw.han.driver import Driver, vendor_of
from custom_components.smgw.han.history import Span
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.tls import fetch_certificate
from custom_components.smgw.han.transport import Answer, Connection, Transport

from .cases import HISTORY_DAYS, HISTORY_METER
from .child import Job

_SIDES = ("cookies", "announced", "shows_login", "login_answered")


async def record(job: Job, folder: Path) -> None:
    """Read everything and keep what came."""
    der = await fetch_certificate(parse_address(job.url), 10)
    (folder / "certificate").write_bytes(der)
    asked = Connection.request
    number = 0

    async def request(connection: Connection, *arguments: Any, **more: Any) -> Answer:
        nonlocal number
        answer = await asked(connection, *arguments, **more)
        sides = {side: _plain(getattr(connection, side)) for side in _SIDES}
        told = {"status": answer.status, "headers": dict(answer.headers), **sides}
        name = folder / f"{number:04}"
        name.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")
        # an export of a PPC gateway, which its peer can read as well
        kind = ".cms" if answer.body.startswith(b"\x30") else ".body"
        name.with_suffix(kind).write_bytes(answer.body)
        number += 1
        return answer

    with patch.object(Connection, "request", request):
        await read(job, folder)


@contextmanager
def played(folder: Path) -> Iterator[None]:
    """Let connections answer from the files."""
    names = iter(sorted(folder.glob("[0-9]*.json")))

    async def request(connection: Connection, *_: Any, **__: Any) -> Answer:
        name = next(names)
        told = json.loads(name.read_text(encoding="utf-8"))
        for side in _SIDES:
            found = told[side]
            setattr(connection, f"played_{side}", found)
        body = next(name.parent.glob(f"{name.stem}.[bc]*")).read_bytes()
        return Answer(told["status"], told["headers"], body)

    def side(name: str) -> property:
        def told(connection: Connection) -> Any:
            found = getattr(connection, f"played_{name}", None)
            return set(found or ()) if name == "cookies" else found

        return property(told)

    with ExitStack() as patches:
        patches.enter_context(patch.object(Connection, "request", request))
        for name in _SIDES:
            patches.enter_context(patch.object(Connection, name, side(name)))
        yield


async def read(job: Job, folder: Path) -> int:
    """Read two years, slice by slice, newest first; return how many readings."""
    driver, now = _driver(job, folder)
    end = now.replace(minute=0, second=0, microsecond=0)
    span = Span(end - timedelta(days=HISTORY_DAYS), end)
    account = Credentials(user=job.user, password=job.password)
    count = 0
    async with driver.history(account) as session:
        while span.start < span.end:
            found = await session.profile(HISTORY_METER.upper(), span)
            count += sum(len(profile.rows) for profile in found.profiles.values())
            if found.skipped:
                raise ValueError(f"skipped: {found.skipped[:3]}")
            span = Span(span.start, found.span.start)
    return count


def _driver(job: Job, folder: Path) -> tuple[Driver, datetime]:
    certificate = read_certificate((folder / "certificate").read_bytes())
    transport = Transport(
        parse_address(job.url), certificate.gateway_id, certificate.der
    )
    now = datetime.fromisoformat(job.now).astimezone(UTC)
    vendor = vendor_of(certificate.gateway_id)
    return vendor.driver(transport, {}, lambda: now), now


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else value


if __name__ == "__main__":
    asyncio.run(record(Job.given(), Path(sys.argv[2])))
