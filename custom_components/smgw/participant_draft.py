"""What the steps about a participant share: the draft they fill, and how they show a form."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import probatio

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_PASSWORD

from .cls.identity import Identity
from .const import CONF_CERTIFICATE, DOMAIN
from .const_cls import (
    CONF_ENDS,
    CONF_IDENTITIES,
    CONF_INNER,
    CONF_KEY,
    CONF_LAB,
    CONF_PEERS,
)
from .keyring import async_keyring
from .models import SmgwConfigEntry
from .participants import ParticipantConfig, participants_of


class ParticipantDraft(ConfigSubentryFlow):
    """A participant while its form is filled in: nothing is kept before the last step."""

    _title: str = ""
    _data: dict[str, Any]
    # Those whose keys are not kept yet.
    _made: tuple[Identity, ...] = ()

    @abstractmethod
    async def _go_on(self) -> SubentryFlowResult:
        """Show what is missing next, or the menu of all parts."""

    @property
    def _entry(self) -> SmgwConfigEntry:
        return self._get_entry()

    @property
    def _gateway_id(self) -> str:
        return self._entry.unique_id or ""

    @property
    def _lab(self) -> bool:
        """Say whether the owner has switched the laboratory on."""
        return bool(self._entry.options.get(CONF_LAB))

    @property
    def _own_id(self) -> str | None:
        """Return the id of the participant that is changed; None for a new one."""
        return (
            self._reconfigure_subentry_id if self.source == SOURCE_RECONFIGURE else None
        )

    @property
    def _identities(self) -> list[Identity]:
        """Return our certificates: the one in use, and the one to come.

        Their keys are in the keyring, unless the entry is of an earlier version.
        """
        return [
            Identity(certificate=stored[CONF_CERTIFICATE], key=stored.get(CONF_KEY, ""))
            for stored in self._data.get(CONF_IDENTITIES, ())
        ]

    def _keep_identities(self, *identities: Identity) -> None:
        self._made += tuple(identity for identity in identities if identity.key)
        self._data[CONF_IDENTITIES] = [
            {CONF_CERTIFICATE: identity.certificate} for identity in identities
        ]

    async def _keep_keys(self) -> None:
        """Have the new keys on disk, of those that are still wanted. Raises KeysNotKept."""
        wanted = {identity.certificate for identity in self._identities}
        made = [one for one in self._made if one.certificate in wanted]
        if made:
            keyring = await async_keyring(self.hass, self._gateway_id)
            await keyring.async_keep(made)

    def _keep_ends(self, ends: Mapping[str, datetime]) -> None:
        """Remember when certificates of the other side end (UTC), by fingerprint; forget those not trusted any more."""
        trusted = {*self._data.get(CONF_PEERS, ()), *self._data.get(CONF_INNER, ())}
        known = self._data.get(CONF_ENDS, {})
        known |= {pin: end.isoformat() for pin, end in ends.items()}
        self._data[CONF_ENDS] = {
            pin: end for pin, end in known.items() if pin in trusted
        }

    def _others(self) -> list[ParticipantConfig]:
        """Return all other participants of this Home Assistant: ports are shared."""
        return [
            config
            for entry in self.hass.config_entries.async_entries(
                DOMAIN, include_ignore=False
            )
            for config in participants_of(entry)
            if config.participant_id != self._own_id
        ]

    def _form(
        self,
        step_id: str,
        schema: probatio.Schema,
        suggested: Mapping[str, Any] | None = None,
        errors: dict[str, str] | None = None,
        **placeholders: str,
    ) -> SubentryFlowResult:
        """Show a step with what is known or was typed, but never a password."""
        kept = {
            name: value
            for name, value in (suggested or {}).items()
            if name != CONF_PASSWORD and value is not None
        }
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, kept),
            errors=errors,
            description_placeholders=placeholders,
        )
