"""Actions, called as a script calls them; for test_actions_*.py."""

from datetime import datetime, timedelta
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

HOUSE = "1emh0012345678"
STAIRWELL = "1esy0060178981"
GAS = "7els0045678901"
IMPORT, EXPORT = "1-0:1.8.0", "1-0:2.8.0"
QUARTER = timedelta(minutes=15)


def device(hass: HomeAssistant, entry: MockConfigEntry, meter: str) -> str:
    """Return the id of a meter's device."""
    identifier = (DOMAIN, f"{entry.unique_id}_{meter.upper()}")
    found = dr.async_get_device_id_by_identifier(
        hass, identifier, config_entry_id=entry.entry_id
    )
    assert found is not None
    return found


async def act(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Call an action and return its answer."""
    answer = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True
    )
    assert isinstance(answer, dict)
    return answer


def moment(text: str) -> datetime:
    """Return a time of an answer."""
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None
    return found
