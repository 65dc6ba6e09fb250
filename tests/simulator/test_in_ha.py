"""The gateway beside an event loop, with aiohttp, and with frozen time."""

from datetime import UTC, datetime, timedelta
import ssl
import time

from aiohttp import ClientSession, DigestAuthMiddleware, TCPConnector
from freezegun.api import FrozenDateTimeFactory

from simulator.clock import utc_text
from simulator.emh.meters import month
from simulator.ppc import PpcGateway, SimClock, pages_meter
from simulator.ppc.view import Account, View
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


def test_quick_enough(socket_enabled: None) -> None:
    """Starts within a second; a profile page takes less than 2 ms of CPU."""
    began = time.perf_counter()
    gateway = PpcGateway().start()
    assert time.perf_counter() - began < 1
    gateway.stop()
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
    pages_meter.meter_profile(view, form)
    began = time.process_time()
    for _ in range(100):
        pages_meter.meter_profile(view, form)
    assert (time.process_time() - began) / 100 < 0.002


def test_json_quick_enough(start_theben: StartTheben, start_emh: StartEmh) -> None:
    """A month of one register takes less than half a second of CPU."""
    theben, emh = start_theben(), start_emh()
    view = theben.readout(theben.user)
    point = next(p for p in usage_points(view) if p.meter.id == HOUSE)
    end = theben.now()
    asked = {
        "database": "origin",
        "fromtime": utc_text(end - timedelta(days=31)),
        "totime": utc_text(end),
    }
    began = time.process_time()
    found = readings(view, point, asked)
    assert time.process_time() - began < 0.5
    assert int(found["records"]) > 2900
    began = time.process_time()
    assert len(month(emh.readout(emh.user), emh.scenario.meters[HOUSE], 1) or ()) > 2800
    assert time.process_time() - began < 1
