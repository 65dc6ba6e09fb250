"""The steps of all flows that ask for an account: by user and password, or by certificate."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import probatio

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowContext, FlowHandler, FlowResult
from homeassistant.helpers.selector import (
    FileSelector,
    FileSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import dt as dt_util

from . import uploads
from .attempt import (
    account_taken,
    async_keep_login,
    async_log_in,
    default_title,
    own_title,
)
from .const import CONF_FILE
from .han.client_certificate import LARGEST, read_pkcs12
from .han.errors import (
    ClientFileError,
    FilePasswordNeeded,
    SmgwError,
    WrongFilePassword,
)
from .han.model import Account, ClientCertificate, Credentials
from .models import GatewayConfig, SmgwConfigEntry

WAYS = ("login", "client_certificate")
"""The ways to log in, as steps for a menu."""

USERNAME = TextSelector(
    TextSelectorConfig(type=TextSelectorType.TEXT, autocomplete="username")
)
PASSWORD = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
FILE_PASSWORD = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
)
FILE = FileSelector(FileSelectorConfig(accept=".p12,.pfx,application/x-pkcs12"))
LOGIN_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_USERNAME): USERNAME,
        probatio.Required(probatio.Secret(CONF_PASSWORD)): PASSWORD,
        probatio.Optional(CONF_NAME): TextSelector(),
    }
)
CERTIFICATE_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_FILE): FILE,
        probatio.Optional(probatio.Secret(CONF_PASSWORD)): FILE_PASSWORD,
        probatio.Optional(CONF_NAME): TextSelector(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an account is to log in, and what for."""

    config: GatewayConfig
    entry: SmgwConfigEntry | None = None
    """None while the gateway is being set up."""
    login: ConfigSubentry | None = None
    """The login that is to be changed; None for a new one."""

    @property
    def title(self) -> str:
        """Return what the login is called now; nothing if it is a new one."""
        return self.login.title if self.login else ""


class AccountTaken(Exception):
    """The account is another login of the gateway."""


class FileLost(Exception):
    """The uploaded file is no longer there."""


class LoginSteps[ContextT: FlowContext, ResultT: FlowResult[Any, Any], HandlerT](
    FlowHandler[ContextT, ResultT, HandlerT]
):
    """Part of a flow: a menu of `WAYS` leads here, an account that works leads on."""

    # What was uploaded, for the next attempt: Home Assistant deletes a file once read.
    _upload: tuple[str, bytes] | None = None

    @abstractmethod
    def _place(self) -> Place:
        """Return where to log in. Raises `AbortFlow` if that is gone."""

    @abstractmethod
    async def _logged_in(self, place: Place, account: Account, title: str) -> ResultT:
        """Keep an account that has just worked, and end the flow."""

    async def async_step_login(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Ask for user and password; test login and meters."""
        place = self._place()
        error: SmgwError | None = None
        errors: dict[str, str] = {}
        if user_input is not None:
            account = Credentials(
                user=user_input[CONF_USERNAME], password=user_input[CONF_PASSWORD]
            )
            try:
                return await self._log_in(place, account, user_input)
            except AccountTaken:
                errors["base"] = "account_taken"
            except SmgwError as err:
                error = err
                errors["base"] = err.key
        return self._form(
            "login",
            LOGIN_SCHEMA,
            user_input or _suggested(place),
            error,
            errors=errors,
            gateway_id=place.config.gateway_id,
            login=place.title,
        )

    async def async_step_client_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ResultT:
        """Ask for the file with key and certificate; test login and meters."""
        place = self._place()
        error: SmgwError | None = None
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                account = await self._open_file(user_input)
                return await self._log_in(place, account, user_input)
            except FileLost:
                errors[CONF_FILE] = "file_lost"
            except AccountTaken:
                errors[CONF_FILE] = "account_taken"
            except (FilePasswordNeeded, WrongFilePassword) as err:
                errors[CONF_PASSWORD] = err.key
            except ClientFileError as err:
                error = err
                errors[CONF_FILE] = err.key
            except SmgwError as err:
                error = err
                errors["base"] = err.key
        suggested = dict(user_input or _suggested(place))
        if CONF_FILE in errors:
            # Another one is needed.
            suggested.pop(CONF_FILE, None)
        return self._form(
            "client_certificate",
            CERTIFICATE_SCHEMA,
            suggested,
            error,
            errors=errors,
            gateway_id=place.config.gateway_id,
            login=place.title,
        )

    async def _log_in(
        self, place: Place, account: Account, user_input: Mapping[str, Any]
    ) -> ResultT:
        """Log in once and go on. Raises `AccountTaken`, `SmgwError`."""
        but = place.login.subentry_id if place.login else None
        if place.entry is not None and account_taken(place.entry, account, but):
            raise AccountTaken
        await async_log_in(self.hass, place.config, account)
        title = (
            user_input.get(CONF_NAME)
            or (place.login and own_title(place.login))
            or default_title(account)
        )
        # Something may have changed while the gateway answered.
        return await self._logged_in(self._place(), account, title)

    def _change_login(self, place: Place, account: Account, title: str) -> None:
        """Store the account in the login that is to be changed."""
        if place.entry is not None and place.login is not None:
            async_keep_login(self.hass, place.entry, place.login, account, title)

    async def _open_file(self, user_input: Mapping[str, Any]) -> ClientCertificate:
        """Return key and certificate of the uploaded file.

        Raises `FileLost`, `ClientFileError`.
        """
        file_id: str = user_input[CONF_FILE]
        if self._upload is None or self._upload[0] != file_id:
            try:
                content = await self.hass.async_add_executor_job(
                    read_upload, self.hass, file_id
                )
            except (ValueError, OSError) as err:
                raise FileLost from err
            self._upload = file_id, content
        return await self.hass.async_add_executor_job(
            read_pkcs12,
            self._upload[1],
            user_input.get(CONF_PASSWORD, ""),
            dt_util.utcnow(),
        )

    def _form(
        self,
        step_id: str,
        schema: probatio.Schema,
        suggested: Mapping[str, Any] | None,
        error: SmgwError | None,
        *,
        errors: dict[str, str] | None = None,
        **placeholders: str,
    ) -> ResultT:
        """Show a step, with what was typed (never a password) and what went wrong.

        `errors` by field; without it the error belongs to the whole form.
        """
        kept = {k: v for k, v in (suggested or {}).items() if k != CONF_PASSWORD}
        whole = {"base": error.key} if error else None
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, kept),
            errors=whole if errors is None else errors,
            description_placeholders=placeholders
            | (error.placeholders if error else {}),
        )


def _suggested(place: Place) -> dict[str, Any]:
    """Return what a login that is to be changed has in its fields; no secret."""
    if place.login is None:
        return {}
    return {
        CONF_USERNAME: place.login.data.get(CONF_USERNAME),
        CONF_NAME: own_title(place.login),
    }


def read_upload(hass: HomeAssistant, file_id: str) -> bytes:
    """Return the content of an uploaded file, which is deleted with it. Blocks.

    Raises `ValueError` if there is none.
    """
    return uploads.read_upload(hass, file_id, LARGEST)
