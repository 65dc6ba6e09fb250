"""Set-up in the order a letter from the metering operator is read.

Where (host), who (certificate, shown and confirmed), and the account (user and
password). Each step tests the next thing only, so an error names its own cause.
"""

from collections.abc import Mapping
from typing import Any, Self, override

import probatio

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_REAUTH,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowContext,
    ConfigFlowResult,
    ConfigSubentry,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_HOST
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
)
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.util import dt as dt_util

from .attempt import async_driver, login_subentry
from .const import CONF_LOGIN, DOMAIN, SUBENTRY_LOGIN
from .const_cls import SUBENTRY_PARTICIPANT, SUBENTRY_SWITCH
from .dashboard import async_names
from .discovery import BRIEF, announced_addresses, async_answers, async_well_known
from .han import probe
from .han.address import DEFAULT_PORT, Address, parse_address
from .han.certificate import GatewayCertificate, read_certificate
from .han.driver import Vendor, entered_id, vendor_of
from .han.errors import (
    NotAGateway,
    SmgwConnectionError,
    SmgwError,
    UnnamedGateway,
    UnsupportedVendor,
)
from .han.ids import flag
from .han.model import Account
from .login_flow import LoginSubentryFlow
from .login_steps import WAYS, LoginSteps, Place
from .migration import MINOR_VERSION, VERSION
from .models import GatewayConfig, SmgwConfigEntry
from .options_flow import SmgwOptionsFlow
from .participant_flow import ParticipantSubentryFlow
from .switch_flow import SwitchSubentryFlow

USER_SCHEMA = probatio.Schema({probatio.Required(CONF_HOST): TextSelector()})
CONF_NUMBER = "number"
NUMBER_SCHEMA = probatio.Schema({probatio.Required(CONF_NUMBER): TextSelector()})
# Nothing answers: it may be there for CLS all the same.
UNREACHED_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_HOST): TextSelector(),
        probatio.Optional(CONF_NUMBER): TextSelector(),
    }
)
FIRST_WAYS = (*WAYS, "cls_only")


class SmgwConfigFlow(
    LoginSteps[ConfigFlowContext, ConfigFlowResult, str], ConfigFlow, domain=DOMAIN
):
    """Sets up one gateway with its first login."""

    VERSION = VERSION
    MINOR_VERSION = MINOR_VERSION

    _address: Address
    _certificate: GatewayCertificate
    _announced: str | None = None
    """The name a gateway announces itself by, if that began the flow."""
    # What an address showed that names no gateway (DER).
    _unnamed: bytes
    # The number of a gateway that cannot be reached.
    _entered: str
    # Which login a reauth is for.
    _login_id: str

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> SmgwOptionsFlow:
        """Return the flow for the reading interval."""
        return SmgwOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to a gateway."""
        return {
            SUBENTRY_LOGIN: LoginSubentryFlow,
            SUBENTRY_PARTICIPANT: ParticipantSubentryFlow,
            SUBENTRY_SWITCH: SwitchSubentryFlow,
        }

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where the gateway is; test TCP, TLS and the certificate."""
        error: SmgwError | None = None
        number = None if user_input is None else user_input.get(CONF_NUMBER)
        if number:
            try:
                self._entered = entered_id(number)
            except SmgwError as err:
                error = err
            else:
                return await self._unreached()
        elif user_input is not None:
            error = await self._look(user_input)
            if error is None:
                return await self._found()
            if isinstance(error, UnnamedGateway):
                self._unnamed = error.der
                return await self.async_step_number()
        if number or isinstance(error, SmgwConnectionError):
            return self._form("user", UNREACHED_SCHEMA, user_input, error)
        return self._form("user", USER_SCHEMA, user_input, error)

    async def _unreached(self) -> ConfigFlowResult:
        """Go on with a gateway that cannot be reached, and whose number was entered."""
        await self.async_set_unique_id(self._entered, raise_on_progress=False)
        if entry := self._known_gateway(self._entered):
            return self._already_configured(GatewayConfig.of(entry))
        return await self.async_step_unreached()

    async def async_step_unreached(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Set a gateway up for CLS only, with nothing known but its number."""
        if user_input is not None:
            config = GatewayConfig(
                gateway_id=self._entered,
                host="",
                port=DEFAULT_PORT,
                vendor=flag(self._entered),
                certificate="",
            )
            return self.async_create_entry(title=self._entered, data=config.as_data())
        return self._form(
            "unreached",
            probatio.Schema({}),
            None,
            None,
            gateway_id=self._entered,
            vendor=vendor_of(self._entered).name,
        )

    async def async_step_cls_only(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Set a gateway up without a login: nothing is read, participants can be added."""
        config = self._config()
        if user_input is not None:
            return self.async_create_entry(
                title=config.gateway_id, data=config.as_data()
            )
        return self._form(
            "cls_only", probatio.Schema({}), None, None, gateway_id=config.gateway_id
        )

    async def async_step_number(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the number of a gateway that does not tell it."""
        error: SmgwError | None = None
        if user_input is not None:
            try:
                self._certificate = read_certificate(
                    self._unnamed, entered_id(user_input[CONF_NUMBER])
                )
            except SmgwError as err:
                error = err
            else:
                return await self._found()
        return self._form(
            "number", NUMBER_SCHEMA, user_input, error, address=str(self._address)
        )

    async def _found(self) -> ConfigFlowResult:
        """Go on with the gateway that was found: one that moved, or a new one."""
        await self.async_set_unique_id(
            self._certificate.gateway_id, raise_on_progress=False
        )
        if entry := self._known_gateway(self._certificate.gateway_id):
            return self._move(entry)
        return await self.async_step_certificate()

    @override
    async def async_step_zeroconf(
        self, discovery_info: ZeroconfServiceInfo
    ) -> ConfigFlowResult:
        """Look at what announces itself; it is confirmed as a typed address is."""
        self._announced = discovery_info.name
        if self.hass.config_entries.flow.async_has_matching_flow(self):
            return self.async_abort(reason="already_in_progress")
        if entry := async_well_known(self.hass, discovery_info):
            return self._already_configured(GatewayConfig.of(entry))
        try:
            self._address, self._certificate = await probe.look_for(
                announced_addresses(discovery_info), BRIEF
            )
        except UnsupportedVendor as err:
            return self.async_abort(
                reason="unsupported_vendor",
                description_placeholders={"gateway_id": err.gateway_id},
            )
        except NotAGateway:
            return self.async_abort(reason="not_a_gateway")
        except SmgwError:
            return self.async_abort(reason="cannot_connect")
        known = await self.async_set_unique_id(self._certificate.gateway_id)
        if known is None:
            self.context["title_placeholders"] = {
                "gateway_id": self._certificate.gateway_id,
                "vendor": self._vendor.name,
            }
            return await self.async_step_certificate()
        if known.source == SOURCE_IGNORE:
            return self._already_configured(self._config())
        if await async_answers(known):
            # The owner's choice stays, be it a name or another of its addresses.
            self._address = GatewayConfig.of(known).address
        return self._move(known)

    @override
    def is_matching(self, other_flow: Self) -> bool:
        """Say whether another flow was begun by the same announcement."""
        return other_flow._announced == self._announced is not None

    async def async_step_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show who answers; once confirmed, test HTTP over the pinned certificate."""
        error: SmgwError | None = None
        if user_input is not None:
            try:
                await (await async_driver(self.hass, self._config())).check()
            except SmgwError as err:
                error = err
            else:
                return await self.async_step_way()
        return self._form(
            "certificate",
            probatio.Schema({}),
            None,
            error,
            gateway_id=self._certificate.gateway_id,
            vendor=self._vendor.name,
            fingerprint=self._certificate.fingerprint,
            valid_until=dt_util.as_local(self._certificate.not_after)
            .date()
            .isoformat(),
            address=str(self._address),
        )

    async def async_step_way(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask by which way the first account logs in."""
        return self.async_show_menu(
            step_id="way",
            menu_options=FIRST_WAYS,
            description_placeholders={"gateway_id": self._certificate.gateway_id},
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Start over with the login after the gateway refused it.

        It is asked for when no login works: of several, one after the other.
        """
        logins = self._refused_logins()
        if not logins:
            return self.async_abort(reason="no_login")
        if len(logins) > 1:
            return await self.async_step_reauth_login()
        (self._login_id,) = logins
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_login(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which login is to be mended."""
        if user_input is not None:
            self._login_id = user_input[CONF_LOGIN]
            return await self.async_step_reauth_confirm()
        return self._form(
            "reauth_login",
            _choice_schema(self._refused_logins()),
            None,
            None,
            gateway_id=self._get_reauth_entry().unique_id or "",
        )

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask by which way it logs in; over the pinned certificate it is the same gateway."""
        place = self._place()
        return self.async_show_menu(
            step_id="reauth_confirm",
            menu_options=WAYS,
            description_placeholders={
                "gateway_id": place.config.gateway_id,
                "login": place.title,
            },
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where the gateway is now; it must be the same one."""
        entry: SmgwConfigEntry = self._get_reconfigure_entry()
        error: SmgwError | None = None
        if user_input is not None:
            error = await self._look(user_input, entry.unique_id)
            if error is None:
                await self.async_set_unique_id(self._certificate.gateway_id)
                self._abort_if_unique_id_mismatch(
                    reason="other_gateway",
                    description_placeholders={"found": self._certificate.gateway_id},
                )
                if self._certificate.pem != GatewayConfig.of(entry).certificate:
                    return await self.async_step_new_certificate()
                return self._reconfigured(entry)
        config = GatewayConfig.of(entry)
        suggested = user_input or {
            CONF_HOST: str(config.address) if config.is_read else ""
        }
        return self._form(
            "reconfigure",
            USER_SCHEMA,
            suggested,
            error,
            gateway_id=entry.unique_id or "",
        )

    async def async_step_new_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show that the gateway has another certificate; pin it once confirmed."""
        entry: SmgwConfigEntry = self._get_reconfigure_entry()
        if user_input is not None:
            return self._reconfigured(entry)
        config = GatewayConfig.of(entry)
        return self._form(
            "new_certificate",
            probatio.Schema({}),
            None,
            None,
            gateway_id=self._certificate.gateway_id,
            old=config.pinned().fingerprint if config.is_read else "–",
            new=self._certificate.fingerprint,
        )

    @override
    def _place(self) -> Place:
        if self.source != SOURCE_REAUTH:
            return Place(config=self._config())
        entry: SmgwConfigEntry = self._get_reauth_entry()
        if (login := entry.subentries.get(self._login_id)) is None:
            raise AbortFlow("no_login")
        return Place(config=GatewayConfig.of(entry), entry=entry, login=login)

    @override
    async def _logged_in(
        self, place: Place, account: Account, title: str
    ) -> ConfigFlowResult:
        if place.login is None:
            names = await async_names(self.hass, place.config.gateway_id, account)
            return self.async_create_entry(
                title=place.config.gateway_id,
                data=place.config.as_data(),
                subentries=[login_subentry(account, title)],
                description="with_statistics" if names else None,
                description_placeholders={
                    "statistics": "\n".join(f"- {name}" for name in names)
                },
            )
        self._change_login(place, account, title)
        return self.async_abort(reason="reauth_successful")

    def _refused_logins(self) -> dict[str, ConfigSubentry]:
        """Return the logins of the entry; a reauth starts when none of them works."""
        logins = self._get_reauth_entry().get_subentries_of_type(SUBENTRY_LOGIN)
        return {login.subentry_id: login for login in logins}

    def _reconfigured(self, entry: SmgwConfigEntry) -> ConfigFlowResult:
        self._change_data(entry)
        return self.async_abort(reason="reconfigure_successful")

    async def _look(
        self, user_input: Mapping[str, Any], known_as: str | None = None
    ) -> SmgwError | None:
        """Find out who is at the address typed. Return what went wrong."""
        try:
            self._address = parse_address(user_input[CONF_HOST])
            self._certificate = await probe.look(self._address, known_as=known_as)
        except SmgwError as err:
            return err
        return None

    @property
    def _vendor(self) -> Vendor:
        return vendor_of(self._certificate.gateway_id)

    def _config(self) -> GatewayConfig:
        """Return the connection facts found so far."""
        return GatewayConfig(
            gateway_id=self._certificate.gateway_id,
            host=self._address.host,
            port=self._address.port,
            vendor=flag(self._certificate.gateway_id),
            certificate=self._certificate.pem,
        )

    def _known_gateway(self, gateway_id: str) -> SmgwConfigEntry | None:
        """Return the gateway's entry; one that was ignored when discovered is none."""
        entry = self.hass.config_entries.async_entry_for_domain_unique_id(
            DOMAIN, gateway_id
        )
        return entry if entry and entry.source != SOURCE_IGNORE else None

    def _move(self, entry: SmgwConfigEntry) -> ConfigFlowResult:
        """Give a known gateway its new address, if it is the one it claims to be."""
        found, known = self._config(), GatewayConfig.of(entry)
        if not known.is_read:
            return self._already_configured(known)
        if known.certificate != found.certificate:
            return self.async_abort(
                reason="other_certificate",
                description_placeholders={"gateway_id": found.gateway_id},
            )
        self._change_data(entry)
        return self._already_configured(found)

    def _already_configured(self, config: GatewayConfig) -> ConfigFlowResult:
        if not config.is_read:
            return self.async_abort(
                reason="known_unreached",
                description_placeholders={"gateway_id": config.gateway_id},
            )
        return self.async_abort(
            reason="already_configured",
            description_placeholders={
                "gateway_id": config.gateway_id,
                "address": str(config.address),
            },
        )

    def _change_data(self, entry: SmgwConfigEntry) -> None:
        """Store where and who the gateway is now; a loaded entry hears of it itself.

        One that waits for its gateway need not wait any longer.
        """
        state = entry.state
        changed = self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, **self._config().as_data()}
        )
        if state is ConfigEntryState.SETUP_RETRY or (
            changed and state is not ConfigEntryState.LOADED
        ):
            self.hass.config_entries.async_schedule_reload(entry.entry_id)


def _choice_schema(logins: Mapping[str, ConfigSubentry]) -> probatio.Schema:
    """Return the field that chooses one of several logins."""
    choice = SelectSelector(
        SelectSelectorConfig(
            options=[
                SelectOptionDict(value=login_id, label=login.title)
                for login_id, login in logins.items()
            ]
        )
    )
    return probatio.Schema({probatio.Required(CONF_LOGIN): choice})
