"""Texts that are put together here, in the language of the system."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import (
    async_get_cached_translations,
    async_get_translations,
)
from homeassistant.util import dt as dt_util

from .const import DOMAIN

_COMMON = f"component.{DOMAIN}.common."
_EXCEPTIONS = f"component.{DOMAIN}.exceptions."
_REASONS = f"component.{DOMAIN}.entity.event.commands.state_attributes.reason.state."
_SENSORS = f"component.{DOMAIN}.entity.sensor."


class Texts:
    """The texts of one language; English where it has none."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Take all texts, by their full keys."""
        self._texts = texts

    @classmethod
    async def async_load(cls, hass: HomeAssistant, language: str) -> Self:
        """Load the texts of a language."""
        return cls(
            await async_get_translations(hass, language, "common", {DOMAIN})
            | await async_get_translations(hass, language, "entity", {DOMAIN})
            | await async_get_translations(hass, language, "exceptions", {DOMAIN})
        )

    def say(self, key: str, **placeholders: str | datetime) -> str:
        """Return a text with its variables filled in; times are local."""
        return self._fill(f"{_COMMON}{key}", placeholders)

    def explain(self, key: str, placeholders: Mapping[str, str | datetime]) -> str:
        """Return the text of a failure: the doctor's own, or the exception's."""
        own = f"{_COMMON}doctor_cause_{key}"
        known = own if own in self._texts else f"{_EXCEPTIONS}{key}.message"
        return self._fill(known, placeholders)

    def value(self, value: object, unit: str | None) -> str:
        """Return a value as people write it."""
        if isinstance(value, bool):
            return self.say("value_on") if value else self.say("value_off")
        return f"{value}" if unit is None else f"{value} {unit}"

    def sensor(self, key: str, placeholders: Mapping[str, str]) -> str:
        """Return the name of a sensor."""
        return self._fill(f"{_SENSORS}{key}.name", placeholders)

    def _fill(self, key: str, placeholders: Mapping[str, str | datetime]) -> str:
        return self._texts[key].format_map(
            {
                name: self.time(value) if isinstance(value, datetime) else value
                for name, value in placeholders.items()
            }
        )

    def time(self, moment: datetime) -> str:
        """Return a time as people write it, in the zone of the home."""
        return dt_util.as_local(moment).strftime(self._texts[f"{_COMMON}doctor_time"])


@callback
def reason_text(hass: HomeAssistant, reason: str) -> str:
    """Return a reason of the control side as the pages have it; the code itself where no text is loaded."""
    texts = async_get_cached_translations(hass, hass.config.language, "entity", DOMAIN)
    return texts.get(f"{_REASONS}{reason}", reason)
