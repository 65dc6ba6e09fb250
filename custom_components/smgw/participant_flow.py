"""Flow for an external market participant: who it is, how it is reached, what it may do.

Nothing is kept before the review at its end, and nothing is granted that was not chosen.
"""

from collections.abc import Mapping
from copy import deepcopy
from datetime import date, datetime, time, timedelta
from ipaddress import ip_address
from typing import Any, override

import probatio

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
    UnknownSubEntry,
)
from homeassistant.const import CONF_NAME
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    DateSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.uuid import random_uuid_hex

from .channel_steps import FINGERPRINTS, PORT, ChannelSteps
from .checkup import own_addresses
from .cls.messages import public_key
from .const_cls import (
    CONF_CURVE,
    CONF_FORWARD_HOST,
    CONF_FORWARD_PORT,
    CONF_INNER,
    CONF_MESSAGE_KEY,
    CONF_PEERS,
    CONF_ROLE,
    CONF_SILENCE,
    CONF_TUNNEL,
    CONF_VALID_FROM,
    CONF_VALID_UNTIL,
    SUBENTRY_PARTICIPANT,
)
from .control.model import Role
from .fingerprints import BadPeers, Peers, read_peers, shown
from .grant_steps import GrantSteps
from .identity_steps import IdentitySteps
from .keyring import KeysNotKept
from .participant_summary import async_summary
from .participants import DEFAULT_SILENCE, shown_name

GRANT_STEPS = (
    "grant_thing",
    "grant_item",
    "grant_limit",
    "grant_prices",
    "grant_remove",
    "extras",
    "review",
)
PARTS = ("who", "tunnel", "pin", "certificate", *GRANT_STEPS)
# The form has the first one chosen: the one that goes before nobody.
ROLES = (
    Role.SERVICE_PROVIDER,
    Role.SUPPLIER,
    Role.METERING_OPERATOR,
    Role.GRID_OPERATOR,
)
# Seconds: a heartbeat a minute is the rule, so less would be noise.
_LEAST_SILENCE = 60

WHO_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_ROLE): SelectSelector(
            SelectSelectorConfig(
                options=[role.value for role in ROLES], translation_key="role"
            )
        ),
        probatio.Optional(CONF_VALID_FROM): DateSelector(),
        probatio.Optional(CONF_VALID_UNTIL): DateSelector(),
        probatio.Required(
            CONF_SILENCE, default=DEFAULT_SILENCE.total_seconds()
        ): NumberSelector(
            NumberSelectorConfig(
                min=0,
                max=3600,
                step=1,
                unit_of_measurement="s",
                mode=NumberSelectorMode.BOX,
            )
        ),
    }
)
EXTRAS_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_INNER): FINGERPRINTS,
        probatio.Optional(CONF_MESSAGE_KEY): FINGERPRINTS,
        probatio.Optional(CONF_FORWARD_HOST): TextSelector(),
        probatio.Optional(CONF_FORWARD_PORT): PORT,
    }
)


class ParticipantSubentryFlow(
    ChannelSteps, IdentitySteps, GrantSteps, ConfigSubentryFlow
):
    """Adds or changes one participant."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Begin with nothing."""
        self._data = {}
        return await self.async_step_who()

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Begin with what is kept, and offer each part."""
        subentry = self._changed()
        if user_input is None and not hasattr(self, "_data"):
            self._title = subentry.title
            self._data = deepcopy(dict(subentry.data))
        told = await async_summary(self.hass, self._data)
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=PARTS,
            description_placeholders={
                "name": self._title,
                "channel": told["channel"],
                "grants": told["grants"],
            },
        )

    async def async_step_who(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask who it is, and since and until when it may do anything."""
        errors: dict[str, str] = {}
        if user_input is not None:
            name = shown_name(user_input[CONF_NAME])
            silence = int(user_input[CONF_SILENCE])
            begin = _midnight(user_input.get(CONF_VALID_FROM))
            end = _midnight(user_input.get(CONF_VALID_UNTIL), days=1)
            if not name:
                errors[CONF_NAME] = "invalid_name"
            if begin and end and end <= begin:
                errors[CONF_VALID_UNTIL] = "ends_before_begin"
            if 0 < silence < _LEAST_SILENCE:
                errors[CONF_SILENCE] = "silence_too_short"
            if not errors:
                self._title = name
                self._data |= {
                    CONF_ROLE: user_input[CONF_ROLE],
                    CONF_SILENCE: silence,
                    CONF_VALID_FROM: begin and begin.isoformat(),
                    CONF_VALID_UNTIL: end and end.isoformat(),
                }
                return await self._go_on()
        return self._form("who", WHO_SCHEMA, user_input or self._who(), errors)

    async def async_step_grants(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Offer what may be granted, as often as the owner likes."""
        told = await async_summary(self.hass, self._data)
        return self.async_show_menu(
            step_id="grants",
            menu_options=GRANT_STEPS,
            description_placeholders={
                "name": self._title,
                "channel": told["channel"],
                "grants": told["grants"],
            },
        )

    async def async_step_extras(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for TLS end to end, and for a local address instead of our API."""
        errors: dict[str, str] = {}
        if user_input is not None:
            inner = Peers(pins=())
            host = user_input.get(CONF_FORWARD_HOST, "").strip()
            port = int(user_input.get(CONF_FORWARD_PORT) or 0)
            try:
                if typed := user_input.get(CONF_INNER, "").strip():
                    inner = read_peers(typed, dt_util.utcnow())
            except BadPeers as err:
                errors[CONF_INNER] = err.key
            message_key = user_input.get(CONF_MESSAGE_KEY, "").strip()
            if message_key and public_key(message_key) is None:
                errors[CONF_MESSAGE_KEY] = "not_a_key"
            if host and not _is_local(host):
                errors[CONF_FORWARD_HOST] = "not_local"
            if host and not port:
                errors[CONF_FORWARD_PORT] = "port_missing"
            if self._is_ourselves(host, port):
                errors[CONF_FORWARD_PORT] = "own_port"
            if not errors:
                self._data |= {
                    CONF_INNER: list(inner.pins),
                    CONF_MESSAGE_KEY: message_key or None,
                    CONF_FORWARD_HOST: host or None,
                    CONF_FORWARD_PORT: port if host else None,
                }
                self._keep_ends(inner.ends)
                return await self._go_on()
        known = "\n".join(shown(pin) for pin in self._data.get(CONF_INNER, ()))
        present = {
            CONF_INNER: known or None,
            CONF_MESSAGE_KEY: self._data.get(CONF_MESSAGE_KEY),
            CONF_FORWARD_HOST: self._data.get(CONF_FORWARD_HOST),
            CONF_FORWARD_PORT: self._data.get(CONF_FORWARD_PORT),
        }
        return self._form("extras", EXTRAS_SCHEMA, user_input or present, errors)

    async def async_step_review(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show the whole, and keep it once confirmed."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if self.source == SOURCE_RECONFIGURE:
                self._changed()
            try:
                await self._keep_keys()
            except KeysNotKept:
                errors["base"] = "cls_key_not_kept"
        if user_input is None or errors:
            told = await async_summary(self.hass, self._data)
            return self._form(
                "review",
                probatio.Schema({}),
                errors=errors,
                name=self._title,
                channel=told["channel"],
                grants=told["grants"],
            )
        if self.source != SOURCE_RECONFIGURE:
            return self.async_create_entry(
                title=self._title,
                data=self._data,
                unique_id=f"{SUBENTRY_PARTICIPANT}_{random_uuid_hex()}",
            )
        return self.async_update_and_abort(
            self._entry, self._changed(), title=self._title, data=self._data
        )

    def _changed(self) -> ConfigSubentry:
        """Return the participant that is changed; it may be deleted while a form is open."""
        try:
            return self._get_reconfigure_subentry()
        except UnknownSubEntry:
            raise AbortFlow("no_participant") from None

    @override
    async def _go_on(self) -> SubentryFlowResult:
        if not self._data.get(CONF_TUNNEL):
            return await self.async_step_tunnel()
        if not self._data.get(CONF_PEERS):
            return await self.async_step_pin()
        if not self._data.get(CONF_CURVE):
            return await self.async_step_curve()
        known = self._identities
        if not known or known[-1].facts.curve != self._data[CONF_CURVE]:
            return await self.async_step_identity()
        if self.source == SOURCE_RECONFIGURE:
            return await self.async_step_reconfigure()
        return await self.async_step_grants()

    def _is_ourselves(self, host: str, port: int) -> bool:
        """Say whether a target is Home Assistant's own server."""
        api = self.hass.config.api
        if api is None or port != api.port or not _is_local(host):
            return False
        target = ip_address(host)
        own = {interface.ip for interface in own_addresses()}
        return target.is_loopback or target in own

    def _who(self) -> Mapping[str, Any]:
        """Return what the form about the participant itself has in its fields."""
        data = self._data
        return {
            CONF_NAME: self._title or None,
            CONF_ROLE: data.get(CONF_ROLE),
            CONF_SILENCE: data.get(CONF_SILENCE),
            CONF_VALID_FROM: _day(data.get(CONF_VALID_FROM)),
            CONF_VALID_UNTIL: _day(data.get(CONF_VALID_UNTIL), days=1),
        }


def _midnight(day: str | None, days: int = 0) -> datetime | None:
    """Return when a local day begins, or the one so many days later (UTC)."""
    if not day:
        return None
    begin = date.fromisoformat(day) + timedelta(days=days)
    zone = dt_util.get_default_time_zone()
    return dt_util.as_utc(datetime.combine(begin, time(), zone))


def _day(moment: str | None, days: int = 0) -> str | None:
    """Return the local day of a stored moment, or the one so many days earlier."""
    if moment is None:
        return None
    local = dt_util.as_local(datetime.fromisoformat(moment))
    return (local.date() - timedelta(days=days)).isoformat()


def _is_local(host: str) -> bool:
    """Say whether it is an address of a home network; a name could lead anywhere tomorrow."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_private and not address.is_unspecified
