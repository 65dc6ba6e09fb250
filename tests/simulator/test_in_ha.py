"""The gateway beside an event loop, with aiohttp, and with frozen time."""

from datetime import UTC, datetime, timedelta
import ssl
import time

from aiohttp import ClientSession, DigestAuthMiddleware, TCPConnector
from freezegun.api import FrozenDateTimeFactory

from simulator.ppc import PpcGateway, SimClock, pages_meter
from simulator.ppc.view import Account, View

from .client import PATH, Page
from .conftest import HOUSE, Start


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
        gateway._signer,
        session.new_token(),
    )
    form = {"mid": session.issue("meter", HOUSE)}
    pages_meter.meter_profile(view, form)
    began = time.process_time()
    for _ in range(100):
        pages_meter.meter_profile(view, form)
    assert (time.process_time() - began) / 100 < 0.002
