"""Fix flows: a changed certificate is compared and accepted, a login asked for anew."""

from datetime import datetime
from typing import Any

import probatio

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PASSWORD
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .attempt import account_taken, async_end_reauth, async_keep_login, async_try_login
from .const import CONF_CERTIFICATE, CONF_LOGIN
from .han import probe
from .han.certificate import GatewayCertificate
from .han.errors import SmgwError
from .login_flow import LOGIN_SCHEMA
from .models import GatewayConfig, SmgwConfigEntry
from .symptoms import CERTIFICATE_CHANGED, LOGIN_FAILED, last_worked, local_time


class CertificateRepairFlow(RepairsFlow):
    """Shows the old and the new certificate; pins the new one once confirmed."""

    _found: GatewayCertificate

    def __init__(self, entry: SmgwConfigEntry) -> None:
        """Take the entry whose gateway shows another certificate."""
        self._entry = entry

    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Look at the certificate, without a login."""
        config = GatewayConfig.of(self._entry)
        try:
            self._found = await probe.look(config.address)
        except SmgwError:
            return self.async_abort(reason="not_reachable")
        if self._found.gateway_id != config.gateway_id:
            return self.async_abort(
                reason="wrong_gateway",
                description_placeholders={"found": self._found.gateway_id},
            )
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask whether the new certificate is the gateway's; accept exactly that one."""
        config = GatewayConfig.of(self._entry)
        if user_input is None:
            return self.async_show_form(
                step_id="confirm",
                description_placeholders={
                    "gateway_id": config.gateway_id,
                    "old": config.pinned().fingerprint,
                    "new": self._found.fingerprint,
                },
            )
        loaded = self._entry.state is ConfigEntryState.LOADED
        self.hass.config_entries.async_update_entry(
            self._entry,
            data={**self._entry.data, CONF_CERTIFICATE: self._found.pem},
        )
        if not loaded:
            # A loaded entry hears of the change itself.
            self.hass.config_entries.async_schedule_reload(self._entry.entry_id)
        return self.async_create_entry(data={})


class LoginRepairFlow(RepairsFlow):
    """Asks for the account of one login that fails; keeps it once it has worked."""

    def __init__(self, entry: SmgwConfigEntry, login_id: str) -> None:
        """Take the entry and the id of its login."""
        self._entry = entry
        self._login_id = login_id
        login = entry.subentries.get(login_id)
        self._title = login.title if login else ""
        self._worked: datetime | None = None

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Start with the account; where it is the operator's fault, say so."""
        if self._entry.state is ConfigEntryState.LOADED:
            coordinator = self._entry.runtime_data.coordinator
            if login := coordinator.logins.get(self._login_id):
                self._worked = last_worked(login, coordinator.memory)
        if self._worked:
            return await self.async_step_refused()
        return await self.async_step_login()

    async def async_step_login(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask for the account of a login that was refused."""
        return await self._ask(
            "login",
            LOGIN_SCHEMA,
            user_input,
            gateway_id=self._entry.unique_id or "",
            login=self._title,
        )

    async def async_step_refused(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask for the account of a login that worked before, unchanged."""
        now = dt_util.utcnow()
        return await self._ask(
            "refused",
            LOGIN_SCHEMA,
            user_input,
            gateway_id=self._entry.unique_id or "",
            login=self._title,
            worked=local_time(self._worked or now, now),
        )

    async def _ask(
        self,
        step_id: str,
        schema: probatio.Schema,
        user_input: dict[str, Any] | None,
        **placeholders: str,
    ) -> RepairsFlowResult:
        """Show the fields; test what was entered over the pinned certificate."""
        login = self._entry.subentries.get(self._login_id)
        if login is None or not self.hass.config_entries.async_get_entry(
            self._entry.entry_id
        ):
            # Deleted while the form was open.
            return self.async_abort(reason="no_login")
        errors: dict[str, str] = {}
        if user_input is not None:
            if account_taken(self._entry, user_input, but=self._login_id):
                errors["base"] = "account_taken"
            elif error := await async_try_login(
                self.hass, GatewayConfig.of(self._entry), user_input
            ):
                errors["base"] = error.key
                placeholders |= error.placeholders
            else:
                async_keep_login(self.hass, self._entry, login, user_input, login.title)
                async_end_reauth(self.hass, self._entry)
                return self.async_create_entry(data={})
        suggested = user_input or login.data
        kept = {key: v for key, v in suggested.items() if key != CONF_PASSWORD}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, kept),
            errors=errors,
            description_placeholders=placeholders,
        )


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    known = data or {}
    entry = hass.config_entries.async_get_entry(str(known.get("entry_id")))
    if entry is not None and issue_id.startswith(CERTIFICATE_CHANGED):
        return CertificateRepairFlow(entry)
    if entry is not None and issue_id.startswith(LOGIN_FAILED):
        return LoginRepairFlow(entry, str(known.get(CONF_LOGIN)))
    return ConfirmRepairFlow()
