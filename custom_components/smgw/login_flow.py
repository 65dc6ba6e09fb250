"""Flow for a further login of a gateway, or for new secrets of one."""

from typing import Any

import probatio

from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.helpers.selector import (
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .attempt import (
    account_taken,
    async_end_reauth,
    async_keep_login,
    async_try_login,
    login_subentry,
)
from .han.errors import SmgwError
from .models import GatewayConfig

USERNAME = TextSelector(
    TextSelectorConfig(type=TextSelectorType.TEXT, autocomplete="username")
)
PASSWORD = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
LOGIN_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_USERNAME): USERNAME,
        probatio.Required(probatio.Secret(CONF_PASSWORD)): PASSWORD,
    }
)
NAMED_LOGIN_SCHEMA = LOGIN_SCHEMA.extend({probatio.Optional(CONF_NAME): TextSelector()})


class LoginSubentryFlow(ConfigSubentryFlow):
    """Adds or changes one consumer account."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the account, and test it."""
        entry = self._get_entry()
        error: SmgwError | None = None
        if user_input is not None:
            new = login_subentry(user_input)
            if account_taken(entry, user_input):
                return self.async_abort(reason="already_configured")
            config = GatewayConfig.of(entry)
            error = await async_try_login(self.hass, config, user_input)
            if error is None:
                return self.async_create_entry(
                    title=user_input.get(CONF_NAME) or new["title"],
                    data=new["data"],
                    unique_id=new["unique_id"],
                )
        return self._form(
            "user",
            NAMED_LOGIN_SCHEMA,
            user_input or {},
            error,
            gateway_id=entry.unique_id or "",
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the account anew; the name may change as well."""
        entry, login = self._get_entry(), self._get_reconfigure_subentry()
        error: SmgwError | None = None
        if user_input is not None:
            if account_taken(entry, user_input, but=login.subentry_id):
                return self.async_abort(reason="already_configured")
            config = GatewayConfig.of(entry)
            error = await async_try_login(self.hass, config, user_input)
            if error is None:
                title = user_input.get(CONF_NAME) or user_input[CONF_USERNAME]
                async_keep_login(self.hass, entry, login, user_input, title)
                async_end_reauth(self.hass, entry)
                return self.async_abort(reason="reconfigure_successful")
        suggested = user_input or {**login.data, CONF_NAME: login.title}
        return self._form(
            "reconfigure",
            NAMED_LOGIN_SCHEMA,
            suggested,
            error,
            gateway_id=entry.unique_id or "",
        )

    def _form(
        self,
        step_id: str,
        schema: probatio.Schema,
        suggested: dict[str, Any],
        error: SmgwError | None,
        **placeholders: str,
    ) -> SubentryFlowResult:
        kept = {key: v for key, v in suggested.items() if key != CONF_PASSWORD}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, kept),
            errors={"base": error.key} if error else None,
            description_placeholders=placeholders
            | (error.placeholders if error else {}),
        )
