"""The gateway beside an event loop, with aiohttp, and with frozen time."""

from collections.abc import Callable
import cProfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
import ssl
from typing import Any

from aiohttp import ClientSession, DigestAuthMiddleware, TCPConnector
from freezegun.api import FrozenDateTimeFactory
import pytest

from simulator.clock import utc_text
from simulator.emh.meters import month
from simulator.ppc import PpcGateway, SimClock, pages_meter
from simulator.ppc.view import Account, View
from simulator.scenario import two_meters
from simulator.theben.usage import usage_points
from simulator.theben.values import readings

from .client import PATH, Page
from .conftest import HOUSE, Start, StartEmh, StartTheben


async def read(gateway: PpcGateway) -> Page:
    """Log in and fetch the meter list with aiohttp's own Digest."""
    context = ssl.create_default_context(cadata=gateway.certificate_pem)
    context.check_hostname = False
    digest = DigestAuthMiddleware(gateway.user, gateway.password)
    async with ClientSession(
        connector=TCPConnector(ssl=context), middlewares=(digest,)
    ) as session:
        url = gateway.url + PATH
        async with session.get(url) as response:
            cookie = response.headers["Set-Cookie"].partition(";")[0]
        headers = {"Cookie": cookie}
        form = {"action": "meterform"}
        async with session.post(url, data=form, headers=headers) as response:
            page = Page(await response.text())
        form = {"action": "logout"}
        async with session.post(url, data=form, headers=headers) as response:
            assert "abgemeldet" in await response.text()
    return page


async def test_aiohttp(start: Start) -> None:
    """An aiohttp client in a test's own loop; one challenge for the session."""
    gateway = start()
    page = await read(gateway)
    assert len(page.options()) == 5
    assert [r.status for r in gateway.requests] == [401, 200, 200, 200]
    assert gateway.open_sessions == 0


async def test_frozen_time(start: Start, freezer: FrozenDateTimeFactory) -> None:
    """The default clock follows a frozen time; waiting faults still end."""
    freezer.move_to("2026-02-03 04:05:06")
    gateway = start("slow:seconds=0.05", clock=SimClock())
    page = await read(gateway)
    (footer,) = page.texts("div_timestamp")
    assert footer.startswith("2026-02-03 05:05:06")
    freezer.tick(timedelta(minutes=15))
    assert gateway.clock.now() == datetime(2026, 2, 3, 4, 20, 6, tzinfo=UTC)
    page = await read(gateway)
    assert page.texts("div_timestamp")[0].startswith("2026-02-03 05:20:06")


async def test_other_vendors(
    start_theben: StartTheben, start_emh: StartEmh, freezer: FrozenDateTimeFactory
) -> None:
    """Aiohttp's Digest reads a Theben and an EMH whose clock is a frozen one."""
    freezer.move_to("2026-02-03 04:05:06")
    for start, path in (
        (start_theben, "/smgw/m2m"),
        (start_emh, "/json/metering/origin/"),
    ):
        gateway = start(clock=SimClock())
        context = ssl.create_default_context(cadata=gateway.certificate_pem)
        context.check_hostname = False
        digest = DigestAuthMiddleware(gateway.user, gateway.password)
        async with ClientSession(
            connector=TCPConnector(ssl=context), middlewares=(digest,)
        ) as session:
            headers = {"Content-Type": "application/json"}
            url = gateway.url + path
            for _ in range(2):
                async with session.get(
                    url, headers=headers, allow_redirects=False
                ) as response:
                    assert response.status in {200, 307}
        assert gateway.now() == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert [r.status for r in gateway.requests].count(401) == 1
        assert gateway.logins == 1


def calls(work: Callable[[], object]) -> int:
    """Return how many calls a piece of work makes: what it costs, on any machine."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())


def test_start_is_cheap(socket_enabled: None) -> None:
    """However long the history is: nothing of it is made before somebody asks."""

    def begin(days: int) -> None:
        scenario = replace(two_meters(), history=timedelta(days=days))
        with PpcGateway(scenario=scenario):
            pass

    begin(10)
    week, years = calls(partial(begin, 7)), calls(partial(begin, 800))
    assert 0 < years < 2 * week < 20_000


@pytest.mark.parametrize("days", [10, 800])
def test_page_is_cheap(socket_enabled: None, days: int) -> None:
    """A profile page shows the newest reading, and looks at no other."""
    gateway = PpcGateway(scenario=replace(two_meters(), history=timedelta(days=days)))
    session = gateway.sessions.open(gateway.user)
    assert session is not None
    view = View(
        gateway.look(),
        gateway.scenario,
        session,
        gateway.sessions,
        Account(""),
        gateway.logbook,
        gateway.signer,
        session.new_token(),
    )
    form = {"mid": session.issue("meter", HOUSE)}
    page = partial(pages_meter.meter_profile, view, form)
    page()
    assert 0 < calls(page) < 1500


def test_theben_rows_are_cheap(start_theben: StartTheben) -> None:
    """A month of one register costs as much for each row as a day does."""
    theben = start_theben()
    view = theben.readout(theben.user)
    point = next(p for p in usage_points(view) if p.meter.id == HOUSE)
    end = theben.now()
    found: list[dict[str, Any]] = []

    def read_days(days: int) -> None:
        asked = {
            "database": "origin",
            "fromtime": utc_text(end - timedelta(days=days)),
            "totime": utc_text(end),
        }
        found.append(readings(view, point, asked))

    each = []
    for days in (1, 31):
        cost = calls(partial(read_days, days))
        each.append(cost / int(found[-1]["records"]))
    assert int(found[-1]["records"]) > 2900
    assert 0 < each[1] < min(1.2 * each[0], 250)


def test_emh_rows_are_cheap(start_emh: StartEmh) -> None:
    """The same of a month, which an EMH hands out as a whole."""
    emh = start_emh()
    found: list[Any] = []

    def read_month() -> None:
        found.append(month(emh.readout(emh.user), emh.scenario.meters[HOUSE], 1))

    cost = calls(read_month)
    (rows,) = found
    assert len(rows) > 2800
    assert 0 < cost / len(rows) < 500
