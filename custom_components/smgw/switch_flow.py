"""Flow for a CLS switch: its name, what it drives, who may set it, where it rests."""

from collections.abc import Mapping
from typing import Any

import probatio

from homeassistant.config_entries import (
    ConfigSubentryFlow,
    SubentryFlowResult,
    UnknownSubEntry,
)
from homeassistant.const import CONF_NAME
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.util.uuid import random_uuid_hex

from .const import DOMAIN
from .const_cls import (
    CONF_DRIVES,
    CONF_OPEN_ENDED,
    CONF_PARTICIPANTS,
    CONF_REST,
    SUBENTRY_PARTICIPANT,
    SUBENTRY_SWITCH,
)
from .models import SmgwConfigEntry
from .participants import item_id, shown_name

DRIVEN = ("input_boolean", "light", "switch")
"""Domains of what a CLS switch may drive."""
_RESTS: Mapping[str, bool | None] = {"keep": None, "off": False, "on": True}


class SwitchSubentryFlow(ConfigSubentryFlow):
    """Adds or changes one CLS switch."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for all of a new one."""
        errors = self._faults(user_input)
        if user_input is not None and not errors:
            return self.async_create_entry(
                title=shown_name(user_input[CONF_NAME]),
                data=self._stored(user_input),
                unique_id=f"{SUBENTRY_SWITCH}_{random_uuid_hex()}",
            )
        return self._form("user", _switch_schema(self._get_entry()), user_input, errors)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the same of one that is there."""
        entry: SmgwConfigEntry = self._get_entry()
        try:
            subentry = self._get_reconfigure_subentry()
        except UnknownSubEntry:
            # Deleted while the form was open.
            raise AbortFlow("no_switch") from None
        errors = self._faults(user_input)
        if user_input is not None and not errors:
            return self.async_update_and_abort(
                entry,
                subentry,
                title=shown_name(user_input[CONF_NAME]),
                data=self._stored(user_input),
            )
        registry = er.async_get(self.hass)
        drives = subentry.data.get(CONF_DRIVES)
        driven = registry.entities.get_entry(drives) if drives else None
        present = {
            CONF_NAME: subentry.title,
            CONF_DRIVES: driven.entity_id if driven else drives,
            CONF_PARTICIPANTS: [
                who
                for who in subentry.data.get(CONF_PARTICIPANTS, ())
                if who in entry.subentries
            ],
            CONF_REST: next(
                word
                for word, value in _RESTS.items()
                if value is subentry.data.get(CONF_REST)
            ),
            CONF_OPEN_ENDED: subentry.data.get(CONF_OPEN_ENDED, True),
        }
        return self._form(
            "reconfigure", _switch_schema(entry), user_input or present, errors
        )

    def _faults(self, user_input: Mapping[str, Any] | None) -> dict[str, str]:
        """Return what is wrong, by field."""
        errors: dict[str, str] = {}
        if user_input is None:
            return errors
        if not shown_name(user_input[CONF_NAME]):
            errors[CONF_NAME] = "invalid_name"
        if drives := user_input.get(CONF_DRIVES):
            registry = er.async_get(self.hass)
            entity_id = er.async_resolve_entity_id(registry, drives)
            entity = registry.async_get(entity_id) if entity_id else None
            if entity is not None and entity.platform == DOMAIN:
                errors[CONF_DRIVES] = "drives_itself"
            elif entity is None and not self.hass.states.get(drives):
                errors[CONF_DRIVES] = "entity_unknown"
        return errors

    def _stored(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is kept of the form."""
        drives = user_input.get(CONF_DRIVES)
        return {
            CONF_DRIVES: item_id(er.async_get(self.hass), drives) if drives else None,
            CONF_PARTICIPANTS: list(user_input.get(CONF_PARTICIPANTS, ())),
            CONF_REST: _RESTS[user_input[CONF_REST]],
            CONF_OPEN_ENDED: bool(user_input[CONF_OPEN_ENDED]),
        }

    def _form(
        self,
        step_id: str,
        schema: probatio.Schema,
        suggested: Mapping[str, Any] | None,
        errors: dict[str, str],
    ) -> SubentryFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            last_step=True,
        )


def _switch_schema(entry: SmgwConfigEntry) -> probatio.Schema:
    """Return the fields; the participants are those of the entry."""
    participants = [
        SelectOptionDict(value=subentry.subentry_id, label=subentry.title)
        for subentry in entry.get_subentries_of_type(SUBENTRY_PARTICIPANT)
    ]
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Optional(CONF_DRIVES): EntitySelector(
                EntitySelectorConfig(domain=list(DRIVEN))
            ),
            probatio.Optional(CONF_PARTICIPANTS, default=[]): SelectSelector(
                SelectSelectorConfig(
                    options=participants,
                    multiple=True,
                    mode=SelectSelectorMode.LIST,
                )
            ),
            probatio.Required(CONF_REST, default="keep"): SelectSelector(
                SelectSelectorConfig(options=list(_RESTS), translation_key="rest")
            ),
            probatio.Required(CONF_OPEN_ENDED, default=True): BooleanSelector(),
        }
    )
