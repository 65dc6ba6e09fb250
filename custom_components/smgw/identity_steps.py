"""Steps about our own key and certificate: made or imported, shown, and renewed."""

from collections.abc import Mapping
from typing import Any

import probatio

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_PASSWORD
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig
from homeassistant.util import dt as dt_util

from .cls.errors import BadIdentity, WrongFilePassword
from .cls.identity import Identity
from .const import CONF_CERTIFICATE, CONF_FILE
from .const_cls import CONF_COMMON_NAME, CONF_CURVE
from .downloads import async_downloads
from .fingerprints import shown
from .han.client_certificate import CURVES as CURVE_NAMES
from .login_steps import FILE, FILE_PASSWORD, read_upload
from .participant_draft import ParticipantDraft
from .views import async_address

IDENTITY_WAYS = ("identity_new", "identity_import")
CERTIFICATE_STEPS = ("identity_show", *IDENTITY_WAYS)
ROLL_OVER_STEPS = (*CERTIFICATE_STEPS, "identity_use", "identity_drop")
# X.520: longest common name.
_LONGEST_NAME = 64

NAME_SCHEMA = probatio.Schema({probatio.Required(CONF_COMMON_NAME): TextSelector()})
IMPORT_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_FILE): FILE,
        probatio.Optional(probatio.Secret(CONF_PASSWORD)): FILE_PASSWORD,
    }
)
SHOW_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_CERTIFICATE): TextSelector(
            TextSelectorConfig(multiline=True)
        )
    }
)


class IdentitySteps(ParticipantDraft):
    """Part of the flow of a participant."""

    # What was uploaded, for the next attempt: Home Assistant deletes a file once read.
    _upload: tuple[str, bytes] | None = None

    async def async_step_identity(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask where our key comes from."""
        return self.async_show_menu(
            step_id="identity",
            menu_options=IDENTITY_WAYS,
            description_placeholders={"curve": self._curve_name},
        )

    async def async_step_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what is to be done about our certificate."""
        known = self._identities
        ends = dt_util.as_local(known[0].facts.not_after).date().isoformat()
        if len(known) == 1:
            return self.async_show_menu(
                step_id="certificate",
                menu_options=CERTIFICATE_STEPS,
                description_placeholders={"valid_until": ends},
            )
        return self.async_show_menu(
            step_id="certificate",
            menu_options=ROLL_OVER_STEPS,
            description_placeholders={"valid_until": ends},
        )

    async def async_step_identity_new(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Make a key and a certificate on the curve of the other side."""
        errors: dict[str, str] = {}
        if user_input is not None:
            name = user_input[CONF_COMMON_NAME].strip()
            if not name or len(name) > _LONGEST_NAME or not name.isprintable():
                errors[CONF_COMMON_NAME] = "invalid_common_name"
            else:
                made = await self.hass.async_add_executor_job(
                    Identity.made, self._data[CONF_CURVE], name, dt_util.utcnow()
                )
                return await self._take(made)
        known = self._identities
        usual = known[0].facts.name if known else f"{self._gateway_id}-CLS"
        return self._form(
            "identity_new",
            NAME_SCHEMA,
            user_input or {CONF_COMMON_NAME: usual},
            errors,
            curve=self._curve_name,
        )

    async def async_step_identity_import(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Take key and certificate from a file."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                found = await self._imported(user_input)
            except OSError, ValueError:
                errors[CONF_FILE] = "file_lost"
            except WrongFilePassword:
                errors[CONF_PASSWORD] = "cls_wrong_file_password"
            except BadIdentity as err:
                errors[CONF_FILE] = err.key
            else:
                if found.facts.curve == self._data[CONF_CURVE]:
                    return await self._take(found)
                errors[CONF_FILE] = "cls_other_curve"
        kept = dict(user_input or {})
        if CONF_FILE in errors:
            # Another one is needed.
            kept.pop(CONF_FILE)
        return self._form(
            "identity_import", IMPORT_SCHEMA, kept, errors, curve=self._curve_name
        )

    async def async_step_identity_show(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show the newest certificate for the metering operator; the key stays where it is."""
        if user_input is not None:
            return await self._go_on()
        newest = self._identities[-1]
        download = await async_downloads(self.hass).async_add(
            self._entry.entry_id,
            f"{self._gateway_id}-cls.pem",
            "application/x-pem-file",
            lambda: [newest.for_operator.encode()],
        )
        return self._form(
            "identity_show",
            SHOW_SCHEMA,
            {CONF_CERTIFICATE: newest.for_operator},
            link=async_address(self.hass, download),
            fingerprint=shown(newest.facts.fingerprint),
            name=newest.facts.name,
            curve=self._curve_name,
            valid_until=dt_util.as_local(newest.facts.not_after).date().isoformat(),
        )

    async def async_step_identity_use(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Leave the old certificate: the gateway knows the new one."""
        if user_input is not None:
            self._keep_identities(self._identities[-1])
            return await self._go_on()
        old, new = self._identities
        return self._form(
            "identity_use",
            probatio.Schema({}),
            old=shown(old.facts.fingerprint),
            new=shown(new.facts.fingerprint),
        )

    async def async_step_identity_drop(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Give up the new certificate: the old one stays."""
        if user_input is not None:
            self._keep_identities(self._identities[0])
            return await self._go_on()
        old, new = self._identities
        return self._form(
            "identity_drop",
            probatio.Schema({}),
            old=shown(old.facts.fingerprint),
            new=shown(new.facts.fingerprint),
        )

    @property
    def _curve_name(self) -> str:
        return CURVE_NAMES[self._data[CONF_CURVE]]

    async def _take(self, identity: Identity) -> SubentryFlowResult:
        """Take a new key; one that is in use stays until the gateway knows its successor."""
        known = self._identities[:1]
        if known and known[0].facts.curve == self._data[CONF_CURVE]:
            self._keep_identities(known[0], identity)
        else:
            # On another curve than the gateway's, the old one is of no more use.
            self._keep_identities(identity)
        return await self.async_step_identity_show()

    async def _imported(self, user_input: Mapping[str, Any]) -> Identity:
        """Return what the uploaded file holds. Raises BadIdentity; OSError, ValueError: it is gone."""
        file_id: str = user_input[CONF_FILE]
        if self._upload is None or self._upload[0] != file_id:
            content = await self.hass.async_add_executor_job(
                read_upload, self.hass, file_id
            )
            self._upload = file_id, content
        return await self.hass.async_add_executor_job(
            Identity.of_pkcs12,
            self._upload[1],
            user_input.get(CONF_PASSWORD, ""),
            dt_util.utcnow(),
        )
