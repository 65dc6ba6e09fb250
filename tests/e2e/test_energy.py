"""The Energy dashboard, with the past as it comes from the gateway."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
import re
from zoneinfo import ZoneInfo

from energy import save_grid, statistic, wait_for_past
from ha_client import HAClient
from home import Home
from PIL import Image
from playwright.sync_api import Locator, Page, expect
import pytest

from simulator.clock import SimClock
from simulator.ppc import PpcGateway

METER = "1EMH0012345678"
IMPORT = "1-0:1.8.0"
EXPORT = "1-0:2.8.0"
# the fill of Home Assistant's bars; the legend's dots have fewer than 200 pixels
IMPORT_BAR = (164, 199, 226)
EXPORT_BAR = (193, 169, 232)
DAYS = 40
VISIBLE_KWH = 2
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def keeper(home: Home) -> Iterator[PpcGateway]:
    """Return a gateway of its own, set up: that of the other tests has had its sessions of the hour."""
    clock = SimClock(datetime.now(UTC))
    with PpcGateway(seed=2017, gateway_id="EPPC0217171717", clock=clock) as gateway:
        forms = (
            {"host": gateway.url},
            {},
            {"next_step_id": "login"},
            {"username": gateway.user, "password": gateway.password},
        )
        home.call(lambda ha: ha.add_integration("smgw", *forms))
        yield gateway
        home.remove_entry(gateway.gateway_id)


@pytest.fixture
def grid(home: Home, keeper: PpcGateway) -> dict[str, str]:
    """Return the meter's statistics by OBIS code, with its history, as the grid."""

    async def prepare(ha: HAClient) -> dict[str, str]:
        chosen = {
            obis: statistic(keeper.gateway_id, METER, obis) for obis in (IMPORT, EXPORT)
        }
        for one in chosen.values():
            await wait_for_past(ha, one, DAYS)
        await save_grid(ha, chosen[IMPORT], chosen[EXPORT])
        problems = await ha.ws("energy/validate")
        assert problems["energy_sources"] == [[]]
        return chosen

    return home.call(prepare)


def counted(gateway: PpcGateway, obis: str, day: datetime) -> float:
    """Return what a register counted on the day that begins then, in kWh."""
    # within one time zone a day is a calendar day, also when the clocks change
    first, last = (
        gateway.true_register(METER.lower(), obis, at)
        for at in (day, day + timedelta(days=1))
    )
    return float(last - first)


def sunny_day(gateway: PpcGateway) -> datetime:
    """Return the last day on which was fed in what can be seen: not every winter day."""
    today = datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    return next(
        day
        for back in range(1, DAYS)
        if counted(gateway, EXPORT, day := today - timedelta(days=back)) > VISIBLE_KWH
    )


def turn_back_to(page: Page, day: datetime) -> None:
    """Turn the pages of the dashboard back to a day; it opens with yesterday until one o'clock."""
    title = page.locator(".header-title").filter(visible=True).first
    for _ in range(DAYS):
        shown = title.inner_text()
        if re.match(rf"{day:%b} {day.day}\b", shown):
            return
        page.get_by_role("button", name="Previous").click()
        expect(title).not_to_have_text(shown)
    pytest.fail(f"the dashboard stops at {shown}")


def wait_for_amount(row: Locator, kwh: float) -> None:
    """Wait until a row of the table shows an amount; export is shown as negative."""
    shown = None
    for _ in range(100):
        if found := re.search(r"([\d.,]+)\s*kWh", row.inner_text()):
            shown = float(found[1].replace(",", ""))
        if shown == pytest.approx(kwh, abs=0.01):
            return
        row.page.wait_for_timeout(200)
    pytest.fail(f"the row shows {shown} kWh instead of {kwh:.2f}")


def coloured(picture: bytes, red: int, green: int, blue: int) -> int:
    """Return how many pixels of a picture are close to a colour."""
    image = Image.open(BytesIO(picture)).convert("RGB")
    return sum(
        count
        for count, (r, g, b) in image.getcolors(image.width * image.height)
        if abs(r - red) + abs(g - green) + abs(b - blue) < 24
    )


def test_bars(
    page: Page, keeper: PpcGateway, grid: dict[str, str], artifacts: Path
) -> None:
    """Import and export of a past day stand in the table and in the bars."""
    day = sunny_day(keeper)
    page.set_viewport_size({"width": 1280, "height": 840})
    page.goto("/energy")
    turn_back_to(page, day)
    for obis, name in ((IMPORT, "Grid import"), (EXPORT, "Grid export")):
        row = page.get_by_role("row", name=re.compile(name)).filter(visible=True).first
        wait_for_amount(row, counted(keeper, obis, day))
    graph = page.locator("hui-energy-usage-graph-card").filter(visible=True).first
    page.wait_for_timeout(2500)  # the bars grow
    picture = graph.screenshot()
    assert coloured(picture, *IMPORT_BAR) > 2000
    assert coloured(picture, *EXPORT_BAR) > 1000
    page.screenshot(path=artifacts / "energy.png")
