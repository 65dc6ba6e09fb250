"""Fix flows: a certificate or signer is compared and accepted, a login or a meter asked about."""

from datetime import datetime
from typing import Any, override

import probatio

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    RepairsFlow,
    RepairsFlowContext,
    RepairsFlowResult,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
from homeassistant.util import dt as dt_util

from .attempt import async_end_reauth
from .const import CONF_CERTIFICATE, CONF_LOGIN
from .exchanges import Question, questions
from .han import probe
from .han.certificate import GatewayCertificate
from .han.errors import SmgwError
from .han.model import Account
from .joining import async_answer
from .login_steps import WAYS, LoginSteps, Place
from .memory import GatewayMemory, async_memory
from .models import GatewayConfig, SmgwConfigEntry
from .seal_notes import OtherSigner
from .symptoms import (
    CERTIFICATE_CHANGED,
    LOGIN_FAILED,
    SIGNER_CHANGED,
    SUCCESSOR,
    last_worked,
    local_time,
    vanished_list,
)
from .texts import Texts

CONF_VANISHED = "vanished"
_NONE = "none"


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
            self._found = await probe.look(config.address, known_as=config.gateway_id)
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


class LoginRepairFlow(
    LoginSteps[RepairsFlowContext, RepairsFlowResult, str], RepairsFlow
):
    """Asks for the account of one login that fails; keeps it once it has worked."""

    _worked: datetime

    def __init__(self, entry: SmgwConfigEntry, login_id: str) -> None:
        """Take the entry and the id of its login."""
        self._entry = entry
        self._login_id = login_id

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask by which way it logs in; where it is the operator's fault, say so."""
        place = self._place()
        if self._entry.state is ConfigEntryState.LOADED:
            coordinator = self._entry.runtime_data.coordinator
            login = coordinator.logins.get(self._login_id)
            if login and (worked := last_worked(login, coordinator.memory)):
                self._worked = worked
                return await self.async_step_refused()
        return self.async_show_menu(
            step_id="init",
            menu_options=WAYS,
            description_placeholders={
                "gateway_id": place.config.gateway_id,
                "login": place.title,
            },
        )

    async def async_step_refused(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask the same of a login that worked before, unchanged."""
        place = self._place()
        return self.async_show_menu(
            step_id="refused",
            menu_options=WAYS,
            description_placeholders={
                "gateway_id": place.config.gateway_id,
                "login": place.title,
                "worked": local_time(self._worked, dt_util.utcnow()),
            },
        )

    @override
    def _place(self) -> Place:
        login = self._entry.subentries.get(self._login_id)
        if login is None or not self.hass.config_entries.async_get_entry(
            self._entry.entry_id
        ):
            # Deleted while the form was open.
            raise AbortFlow("no_login")
        return Place(
            config=GatewayConfig.of(self._entry), entry=self._entry, login=login
        )

    @override
    async def _logged_in(
        self, place: Place, account: Account, title: str
    ) -> RepairsFlowResult:
        self._change_login(place, account, title)
        async_end_reauth(self.hass, self._entry)
        return self.async_create_entry(data={})


class SignerRepairFlow(RepairsFlow):
    """Shows the key first seen and the one of now; keeps that one once confirmed."""

    _memory: GatewayMemory
    _other: OtherSigner

    def __init__(self, entry: SmgwConfigEntry) -> None:
        """Take the entry whose gateway signs with another key."""
        self._entry = entry

    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Look up who signs now."""
        self._memory = await async_memory(self.hass, self._entry.unique_id or "")
        if self._memory.seals.other is None:
            return self.async_abort(reason="signer_known")
        self._other = self._memory.seals.other
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask whether the key is the gateway's; keep exactly that one."""
        if user_input is None:
            return self.async_show_form(
                step_id="confirm",
                description_placeholders={
                    "gateway_id": self._entry.unique_id or "",
                    "signer": self._other.subject,
                    "old": self._memory.signer or "-",
                    "new": self._other.key,
                },
            )
        self._memory.signer = self._other.key
        if self._memory.seals.other == self._other:
            self._memory.seals.other = None
        self._memory.async_save()
        if self._entry.state is ConfigEntryState.LOADED:
            self._entry.runtime_data.coordinator.async_update_issues()
        return self.async_create_entry(data={})


class SuccessorRepairFlow(RepairsFlow):
    """Asks which vanished meter a new one continues, if any."""

    def __init__(self, entry: SmgwConfigEntry, meter_id: str) -> None:
        """Take the entry and the new meter."""
        self._entry = entry
        self._meter_id = meter_id

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Begin; what the issue is about comes as input."""
        return await self.async_step_choose()

    async def async_step_choose(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask; keep the answer."""
        question = self._question()
        if user_input is None:
            now = dt_util.utcnow()
            texts = await Texts.async_load(self.hass, self.hass.config.language)
            return self.async_show_form(
                step_id="choose",
                data_schema=_successor_schema(question, texts),
                description_placeholders={
                    "gateway_id": self._entry.unique_id or "",
                    "meter": question.meter_id,
                    "first": local_time(question.first, now),
                    "vanished": vanished_list(question, now),
                },
            )
        answer = user_input[CONF_VANISHED]
        chosen = {one.meter_id: one for one in question.vanished}.get(answer)
        if chosen is None and answer != _NONE:
            # It was there when the form was opened.
            raise AbortFlow("settled")
        await async_answer(self.hass, self._entry, question, chosen)
        return self.async_create_entry(data={})

    def _question(self) -> Question:
        if self._entry.state is not ConfigEntryState.LOADED:
            raise AbortFlow("not_loaded")
        coordinator = self._entry.runtime_data.coordinator
        for question in questions(coordinator.logins, coordinator.memory):
            if question.meter_id == self._meter_id:
                return question
        raise AbortFlow("settled")


def _successor_schema(question: Question, texts: Texts) -> probatio.Schema:
    """Return the field that chooses one of the vanished meters, or none."""
    options = [
        SelectOptionDict(value=one.meter_id, label=one.meter_id)
        for one in question.vanished
    ]
    options.append(SelectOptionDict(value=_NONE, label=texts.say("another_meter")))
    choice = SelectSelector(
        SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST)
    )
    return probatio.Schema({probatio.Required(CONF_VANISHED): choice})


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
    if entry is not None and issue_id.startswith(SIGNER_CHANGED):
        return SignerRepairFlow(entry)
    if entry is not None and issue_id.startswith(SUCCESSOR):
        return SuccessorRepairFlow(entry, str(known.get("meter")))
    return ConfirmRepairFlow()
