"""Signed exports: what is said of them, and what is broken never gets into statistics."""

from datetime import timedelta
import json
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw.const import DOMAIN
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway

from .conftest import START, Timeline, fresh_token, make_entry, restart, set_up
from .recorder_rows import HOUSE, id_of, recorded
from .test_coordinator import SETTLED
from .test_history_import import check, exports, state
from .test_repairs import confirm, start

pytestmark = [
    pytest.mark.usefixtures("recorder_mock"),
    pytest.mark.meters(HOUSE[0]),
    pytest.mark.past(days=7),
]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NINE = START.replace(minute=0)
NIGHT = (NINE + DAY).replace(hour=1, minute=15) + SETTLED


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return our issues by their kind."""
    return {
        issue.translation_key or "": issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN
    }


@pytest.fixture
def browser(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, hass_admin_user: MockUser
) -> ClientSessionGenerator:
    """Browsers that are logged in now; the recorder is older than the frozen clock."""

    async def opened() -> TestClient:
        return await hass_client(await fresh_token(hass, hass_admin_user))

    return opened


async def noted(
    hass: HomeAssistant, browser: ClientSessionGenerator, entry: MockConfigEntry
) -> dict[str, Any]:
    """Return what the diagnostics tell of signatures."""
    found = await get_diagnostics_for_config_entry(hass, browser, entry)
    assert HOUSE[0].upper() not in json.dumps(found).upper()
    signatures: dict[str, Any] = found["memory"]["signatures"]
    return signatures


async def test_the_history_is_judged(
    hass: HomeAssistant,
    browser: ClientSessionGenerator,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The sensor shows the verdict on what was imported; the diagnostics as well."""
    await check(hass, gateway)
    told = state(hass).attributes
    assert told["signature"] == "intact_known"
    assert told["signature_checked"] == START
    assert issues(hass) == {}
    assert await noted(hass, browser, loaded) == {
        "verdict": "intact_known",
        "checked": START.isoformat(),
        "first_key_known": True,
        "other_key_since": None,
        "broken": [],
    }
    await restart(hass, loaded, timeline)
    assert state(hass).attributes["signature"] == "intact_known"


async def test_nothing_is_signed(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock
) -> None:
    """A gateway that signs no exports has no such attribute."""
    with EmhGateway(clock=clock) as box:
        assert await set_up(hass, make_entry(box))
        assert state(hass).state == "done"
        assert "signature" not in state(hass).attributes


async def test_broken_is_not_recorded(
    hass: HomeAssistant,
    browser: ClientSessionGenerator,
    gateway: PpcGateway,
    entry: MockConfigEntry,
    timeline: Timeline,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing of it gets into statistics, the owner is told, and later all is there."""
    gateway.faults.add("cms_broken")
    await set_up(hass, entry)
    assert exports(gateway) == 1
    statistic = id_of(gateway, *HOUSE)
    # What the polls have shown is not signed; nothing else is there.
    assert len((await recorded(hass))[statistic]) == 1
    assert state(hass).state == "failed"
    told = state(hass).attributes
    assert (told["error"], told["signature"]) == ("signature_broken", "broken")
    found = issues(hass)
    assert found["history_broken"].translation_placeholders == {
        "gateway_id": gateway.gateway_id,
        "meter": HOUSE[0].upper(),
        "start": "2026-11-13 10:00",
        "end": "09:00",
    }
    assert "is broken, nothing of it is used" in caplog.text
    signatures = await noted(hass, browser, entry)
    assert signatures["verdict"] == "broken"
    assert signatures["first_key_known"] is False
    assert {one["of"] for one in signatures["broken"]} <= {"values", "log"}

    for quarter in range(1, 8):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    rows = (await recorded(hass))[statistic]
    assert [row["end"] for row in rows] == [
        NINE.timestamp(),
        (NINE + HOUR).timestamp(),
    ]
    assert "history_broken" in issues(hass)
    await restart(hass, entry, timeline)
    assert "history_broken" in issues(hass)

    gateway.faults.clear()
    for quarter in range(8, 24):
        await timeline.go_to(NINE + quarter * HOUR / 4 + SETTLED)
    await check(hass, gateway, NINE + 5 * HOUR)
    assert state(hass).attributes["signature"] == "intact_known"
    assert "history_broken" not in issues(hass)


async def test_a_broken_log(
    hass: HomeAssistant,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """The consumer log is signed as well; once it comes well the notice goes."""
    gateway.faults.add("cms_broken")
    # One ends the session; the other comes first in the next one.
    await timeline.go_to(NINE + DAY + SETTLED)
    await timeline.go_to(NINE + DAY + HOUR / 4 + SETTLED)
    assert "log_broken" in issues(hass)
    gateway.faults.clear()
    await timeline.go_to(NINE + DAY + 7 * HOUR + SETTLED)
    assert "log_broken" not in issues(hass)


async def test_another_key(
    hass: HomeAssistant,
    browser: ClientSessionGenerator,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """Intact values of another signer are recorded, and the owner is asked about it."""
    assert await async_setup_component(hass, REPAIRS, {})
    gateway.rotate_signer()
    await timeline.go_to(NIGHT)
    assert state(hass).attributes["signature"] == "intact_unknown"
    (issue,) = issues(hass).values()
    assert issue.translation_key == "signer_changed"
    assert issue.is_fixable
    await check(hass, gateway, NIGHT.replace(minute=0, second=0))

    client = await browser()
    flow = await start(client, issue.issue_id)
    assert flow["step_id"] == "confirm"
    told = flow["description_placeholders"]
    assert told["signer"] == f"CN={gateway.gateway_id}.sign"
    assert len(told["old"]) == len(told["new"]) == 64
    assert told["old"] != told["new"]
    assert (await confirm(client, flow))["type"] == "create_entry"
    assert issues(hass) == {}
    await timeline.go_to(NIGHT + DAY)
    assert state(hass).attributes["signature"] == "intact_known"
    assert issues(hass) == {}


async def test_the_first_key_again(
    hass: HomeAssistant,
    browser: ClientSessionGenerator,
    gateway: PpcGateway,
    loaded: MockConfigEntry,
    timeline: Timeline,
) -> None:
    """If the signer is known again, there is nothing to be asked any more."""
    assert await async_setup_component(hass, REPAIRS, {})
    first = gateway.signer
    gateway.rotate_signer(name="somebody else")
    await timeline.go_to(NIGHT)
    (issue,) = issues(hass).values()
    gateway.signer = first
    await timeline.go_to(NIGHT + DAY)
    assert issues(hass) == {}
    assert state(hass).attributes["signature"] == "intact_known"
    assert issue.translation_key == "signer_changed"
