"""The Energy dashboard, with the past filled in as the demo does."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
import re
from zoneinfo import ZoneInfo

from ha_client import HAClient
from history import has_statistics, hourly_rows, import_rows, save_grid
from home import Home
from playwright.sync_api import Locator, Page, expect
import pytest

from simulator.ppc import PpcGateway

METER = "1EMH0012345678"
IMPORT = "1-0:1.8.0"
EXPORT = "1-0:2.8.0"
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def grid(home: Home, added: PpcGateway) -> dict[str, str]:
    """Return the meter's sensors by OBIS code, with 14 days of history, as the grid."""
    prefix = f"{added.gateway_id}_{METER}_"

    async def prepare(ha: HAClient) -> dict[str, str]:
        entities = await ha.entity_ids("smgw")
        sensors = {obis: entities[prefix + obis] for obis in (IMPORT, EXPORT)}
        for obis, sensor in sensors.items():
            if not await has_statistics(ha, sensor):
                live = Decimal(await ha.state(sensor))
                read_at = added.scenario.meters[METER.lower()].latest_target(
                    added.clock.now()
                )
                truth = partial(added.true_register, METER.lower(), obis)
                await import_rows(ha, sensor, hourly_rows(truth, live, read_at, 14))
        await save_grid(ha, sensors[IMPORT], sensors[EXPORT])
        problems = await ha.ws("energy/validate")
        assert problems["energy_sources"] == [[]]
        return sensors

    return home.call(prepare)


def yesterday(gateway: PpcGateway, obis: str) -> float:
    """Return what a register counted yesterday, in kWh."""
    today = datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = (today - timedelta(hours=12)).replace(hour=0)
    first, last = (
        gateway.true_register(METER.lower(), obis, at) for at in (begin, today)
    )
    return float(last - first)


def shown_kwh(row: Locator) -> float:
    """Return the amount in a row of the table."""
    found = re.search(r"([-\d.,]+)\s*kWh", row.inner_text())
    assert found, row.inner_text()
    return float(found[1].replace(",", ""))


def test_bars(
    page: Page, added: PpcGateway, grid: dict[str, str], artifacts: Path
) -> None:
    """Yesterday's import and export stand in the table and in the bars."""
    page.set_viewport_size({"width": 1280, "height": 840})
    page.goto("/energy")
    page.get_by_role("button", name="Previous").click()
    for obis, name in ((IMPORT, "Grid import"), (EXPORT, "Grid export")):
        row = page.get_by_role("row", name=re.compile(name)).filter(visible=True).first
        expect(row).to_contain_text("kWh")
        assert abs(shown_kwh(row)) == pytest.approx(yesterday(added, obis), abs=0.1)
    graph = page.locator("hui-energy-usage-graph-card").filter(visible=True).first
    expect(graph.locator("canvas, svg").first).to_be_visible()
    page.wait_for_timeout(2500)  # the bars grow
    page.screenshot(path=artifacts / "energy.png")
