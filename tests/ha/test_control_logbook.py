"""What Home Assistant's logbook says about commands: over its own API."""

from http import HTTPStatus
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    mock_component,
)
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from homeassistant.core import HomeAssistant, callback
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import Timeline, fresh_token, set_up
from .control_home import (
    GRID,
    SUPPLIER,
    cls_switch,
    entity,
    grid,
    hours,
    item,
    limit,
    order,
    supplier,
    with_subentries,
)

LAMP = "input_boolean.lamp"
pytestmark = pytest.mark.usefixtures("recorder_mock", "nothing_kept")


@pytest.fixture(params=["en", "de"])
async def home(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> MockConfigEntry:
    """A home with a switch that drives a lamp, in either language."""
    hass.config.language = request.param
    lamp = {"input_boolean": {"lamp": {}}}
    assert await async_setup_component(hass, "input_boolean", lamp)
    # The pages of the frontend are not needed to ask the logbook.
    mock_component(hass, "frontend")
    assert await async_setup_component(hass, "logbook", {})
    # The clock stands in a test, and the logbook sorts by time.
    hass.bus.async_listen("smgw_command", callback(lambda _: freezer.tick(0.001)))
    made = with_subentries(
        entry,
        grid(),
        supplier(),
        cls_switch("BOILER", "Boiler", participants=[SUPPLIER], drives=LAMP),
    )
    assert await set_up(hass, made)
    return made


async def logbook(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    user: MockUser,
    **query: str,
) -> list[dict[str, Any]]:
    """Ask the logbook for today."""
    await async_wait_recording_done(hass)
    client = await hass_client(await fresh_token(hass, user))
    begin = dt_util.start_of_local_day().isoformat()
    end = hours(1).isoformat()
    response = await client.get(
        f"/api/logbook/{begin}", params={"end_time": end, **query}
    )
    assert response.status == HTTPStatus.OK
    found: list[dict[str, Any]] = await response.json()
    return found


async def test_who_did_it(
    hass: HomeAssistant,
    home: MockConfigEntry,
    timeline: Timeline,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> None:
    """The logbook names the participant beside the switch and beside the lamp it drives."""
    said = (
        "hat angewiesen: Boiler einschalten"
        if hass.config.language == "de"
        else "ordered: switch on Boiler"
    )
    await timeline.pass_by(minutes=1)
    await order(hass, home, SUPPLIER, item("BOILER", True))
    await timeline.pass_by(seconds=1)
    switch = entity(hass, "switch", "BOILER_switch", home.unique_id or "")
    for entity_id in (switch, LAMP):
        told = await logbook(hass, hass_client, hass_admin_user, entity=entity_id)
        (turned,) = (row for row in told if row.get("state") == "on")
        assert turned["context_domain"] == "smgw"
        assert turned["context_event_type"] == "smgw_command"
        assert turned["context_name"] == "Ökostrom"
        assert turned["context_message"] == said
    for asked in ({"entity": switch}, {}):
        told = await logbook(hass, hass_client, hass_admin_user, **asked)
        (ordered,) = (row for row in told if row.get("message") == said)
        # Pages show an entity's name in place of this one, if it has an entity.
        assert (ordered["name"], ordered["domain"]) == ("Ökostrom", "smgw")
        assert "entity_id" not in ordered


async def test_a_limit(
    hass: HomeAssistant,
    home: MockConfigEntry,
    timeline: Timeline,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> None:
    """It says what was ordered, what became of it, and why something was refused."""
    german = hass.config.language == "de"
    await timeline.pass_by(minutes=1)
    await order(hass, home, GRID, limit(3000))
    await order(hass, home, SUPPLIER, limit(2000))
    await timeline.pass_by(seconds=1)
    told = await logbook(hass, hass_client, hass_admin_user)
    said = [
        (row["name"], row["message"])
        for row in told
        if row.get("domain") == "smgw" and "message" in row
    ]
    assert said == (
        [
            ("Stadtwerke", "hat angewiesen: Bezug höchstens 3000 W"),
            ("Stadtwerke", "begonnen: Bezug höchstens 3000 W"),
            ("Ökostrom", "wurde abgelehnt: Bezug höchstens 2000 W (nicht freigegeben)"),
        ]
        if german
        else [
            ("Stadtwerke", "ordered: consumption at most 3000 W"),
            ("Stadtwerke", "begun: consumption at most 3000 W"),
            ("Ökostrom", "was refused: consumption at most 2000 W (not granted)"),
        ]
    )
    limited = entity(hass, "binary_sensor", "consumption_limited", home.unique_id or "")
    told = await logbook(hass, hass_client, hass_admin_user, entity=limited)
    assert not [row for row in told if row.get("context_name") == "Ökostrom"]
