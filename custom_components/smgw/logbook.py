"""Who did what to the home, in the logbook's words."""

from collections.abc import Callable
from typing import Any

from homeassistant.components.logbook.const import (
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN
from .const_control import (
    ATTR_COMMAND,
    ATTR_DIRECTION,
    ATTR_PARTICIPANT,
    ATTR_REASON,
    ATTR_TYPE,
    ATTR_VALUE,
    ATTR_WATTS,
    EVENT_COMMAND,
)
from .texts import reason_text

_COMMON = f"component.{DOMAIN}.common."


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[Event[Any]], dict[str, str]]], None
    ],
) -> None:
    """Describe commands."""

    @callback
    def describe(event: Event[Any]) -> dict[str, str]:
        """Say who ordered what, and what became of it."""
        data = event.data
        texts = async_get_cached_translations(
            hass, hass.config.language, "common", DOMAIN
        )

        def say(key: str, **placeholders: str) -> str:
            text = texts.get(f"{_COMMON}{key}")
            return key if text is None else text.format_map(placeholders)

        what = say(
            f"logbook_command_{_what(data)}",
            watts=_number(data.get(ATTR_WATTS)),
            percent=_number(data.get("percent")),
            value=_number(data.get(ATTR_VALUE)),
            item=_name(hass, data.get(ATTR_ENTITY_ID)),
        ).strip()
        said = say(f"logbook_{data[ATTR_TYPE]}", what=what)
        if ATTR_REASON in data:
            said = f"{said} ({reason_text(hass, data[ATTR_REASON])})"
        # Without an entity of its own: its name would be shown in the place of who did it.
        return {
            LOGBOOK_ENTRY_NAME: data.get(ATTR_PARTICIPANT) or say("logbook_owner"),
            LOGBOOK_ENTRY_MESSAGE: said,
        }

    async_describe_event(DOMAIN, EVENT_COMMAND, describe)


def _what(data: dict[str, Any]) -> str:
    """Return which text says what was ordered."""
    command = data.get(ATTR_COMMAND, "unknown")
    if command == "item" and isinstance(data.get(ATTR_VALUE), bool):
        return "on" if data[ATTR_VALUE] else "off"
    if command == "limit" and ATTR_WATTS not in data:
        return f"percent_{data[ATTR_DIRECTION]}"
    if command in ("limit", "schedule", "failsafe"):
        return f"{command}_{data[ATTR_DIRECTION]}"
    return str(command)


def _name(hass: HomeAssistant, entity_id: str | None) -> str:
    """Return what an entity is called now."""
    state = None if entity_id is None else hass.states.get(entity_id)
    return "" if state is None else state.name


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
