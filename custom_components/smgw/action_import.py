"""The action that has the gateway's history imported (again)."""

from datetime import datetime
from typing import Any

import probatio

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_config_entry
from homeassistant.util import dt as dt_util

from .action_fields import ATTR_END, ATTR_START, GATEWAY, as_utc
from .const import DOMAIN
from .han.history import Span
from .models import SmgwConfigEntry

SERVICE_IMPORT_HISTORY = "import_history"
_SCHEMA = probatio.Schema(
    {
        **GATEWAY,
        probatio.Optional(ATTR_START): cv.datetime,
        probatio.Optional(ATTR_END): cv.datetime,
    }
)


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def import_history(call: ServiceCall) -> None:
        """Want all that is missing, and a span in any case; it comes in the background."""
        entry: SmgwConfigEntry = async_get_config_entry(
            hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
        )
        history = entry.runtime_data.history
        if history is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_recorder"
            )
        history.importer.async_restart(_span(call.data))

    hass.services.async_register(
        DOMAIN, SERVICE_IMPORT_HISTORY, import_history, schema=_SCHEMA
    )


def _span(data: dict[str, Any]) -> Span | None:
    """Return the span that is to be read again. Raises `ServiceValidationError`."""
    start: datetime | None = data.get(ATTR_START)
    end: datetime | None = data.get(ATTR_END)
    if start is None and end is None:
        return None
    now = dt_util.utcnow()
    span = Span(
        as_utc(start) if start else dt_util.utc_from_timestamp(0),
        min(as_utc(end), now) if end else now,
    )
    if span.start >= span.end:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="span_empty"
        )
    # Rows are hours: those that it touches.
    return Span(
        span.start.replace(minute=0, second=0, microsecond=0),
        span.end,
    )
