"""Flow for a further login of a gateway, or for another account of one."""

from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigSubentryFlow,
    SubentryFlowContext,
    SubentryFlowResult,
    UnknownSubEntry,
)
from homeassistant.data_entry_flow import AbortFlow

from .attempt import async_end_reauth, login_subentry
from .han.model import Account
from .login_steps import WAYS, LoginSteps, Place
from .models import GatewayConfig, SmgwConfigEntry


class LoginSubentryFlow(
    LoginSteps[SubentryFlowContext, SubentryFlowResult, tuple[str, str]],
    ConfigSubentryFlow,
):
    """Adds or changes one consumer account."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask by which way a new account logs in."""
        gateway_id = self._place().config.gateway_id
        return self.async_show_menu(
            step_id="user",
            menu_options=WAYS,
            description_placeholders={"gateway_id": gateway_id},
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask by which way the account logs in from now on."""
        place = self._place()
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=WAYS,
            description_placeholders={
                "gateway_id": place.config.gateway_id,
                "login": place.title,
            },
        )

    @override
    def _place(self) -> Place:
        entry: SmgwConfigEntry = self._get_entry()
        config = GatewayConfig.of(entry)
        if not config.is_read:
            raise AbortFlow("no_address")
        login = None
        if self.source == SOURCE_RECONFIGURE:
            try:
                login = self._get_reconfigure_subentry()
            except UnknownSubEntry:
                # Deleted while the form was open.
                raise AbortFlow("no_login") from None
        return Place(config=config, entry=entry, login=login)

    @override
    async def _logged_in(
        self, place: Place, account: Account, title: str
    ) -> SubentryFlowResult:
        if place.login is None:
            new = login_subentry(account, title)
            return self.async_create_entry(
                title=title, data=new["data"], unique_id=new["unique_id"]
            )
        self._change_login(place, account, title)
        async_end_reauth(self.hass, self._get_entry())
        return self.async_abort(reason="reconfigure_successful")
