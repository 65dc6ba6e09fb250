"""Fix flow for a changed certificate: look again, compare, confirm."""

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .const import CONF_CERTIFICATE
from .han import probe
from .han.certificate import GatewayCertificate
from .han.errors import SmgwError
from .issues import CERTIFICATE_CHANGED
from .models import GatewayConfig, SmgwConfigEntry


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


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow that fixes an issue."""
    entry = hass.config_entries.async_get_entry(str((data or {}).get("entry_id")))
    if entry is not None and issue_id.startswith(CERTIFICATE_CHANGED):
        return CertificateRepairFlow(entry)
    return ConfirmRepairFlow()
