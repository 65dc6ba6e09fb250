"""Options about signatures: certificates that the owner trusts for the gateway's exports."""

from typing import Any

from cryptography import x509
import probatio

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig

from .const import CONF_ROOTS
from .models import SmgwConfigEntry
from .seals import roots_of

_SCHEMA = probatio.Schema(
    {probatio.Optional(CONF_ROOTS): TextSelector(TextSelectorConfig(multiline=True))}
)


class SignerOptionSteps(OptionsFlow):
    """Part of the options flow; keeps what the others have set."""

    config_entry: SmgwConfigEntry

    async def async_step_signer(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for certificates, as text; an empty field trusts none but the key first seen."""
        errors: dict[str, str] = {}
        if user_input is not None:
            text = user_input.get(CONF_ROOTS, "").strip()
            others = {
                name: value
                for name, value in self.config_entry.options.items()
                if name != CONF_ROOTS
            }
            if not text:
                return self.async_create_entry(data=others)
            if _are_certificates(text):
                return self.async_create_entry(data={**others, CONF_ROOTS: text})
            errors[CONF_ROOTS] = "not_certificates"
        present = user_input or {CONF_ROOTS: self.config_entry.options.get(CONF_ROOTS)}
        return self.async_show_form(
            step_id="signer",
            data_schema=self.add_suggested_values_to_schema(_SCHEMA, present),
            errors=errors,
        )


def _are_certificates(text: str) -> bool:
    try:
        found: list[x509.Certificate] = roots_of({CONF_ROOTS: text})
    except ValueError:
        return False
    return bool(found)
