"""The action that answers with the consumer log of a span."""

from datetime import timedelta

import probatio

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers.service import (
    async_get_config_entry,
    async_register_admin_service,
)

from . import answers
from .action_fields import ATTR_LOGIN, FROM_TO, GATEWAY, login_named, span_of
from .const import DOMAIN
from .models import SmgwConfigEntry
from .rides import async_log
from .seals import async_judge
from .supplement import log_entries
from .texts import Texts

SERVICE_GET_LOG = "get_log"
LONGEST = timedelta(days=3 * 365)

_SCHEMA = probatio.Schema({**GATEWAY, **FROM_TO, probatio.Optional(ATTR_LOGIN): str})


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def get_log(call: ServiceCall) -> ServiceResponse:
        """Answer with the entries of a span, oldest first."""
        entry: SmgwConfigEntry = async_get_config_entry(
            hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
        )
        coordinator = entry.runtime_data.coordinator
        span = span_of(call.data, LONGEST)
        login = login_named(coordinator, call.data.get(ATTR_LOGIN))
        slices = await async_log(entry, login, span)
        seal = async_judge(
            coordinator, [part.signed.opened for part in slices if part.signed]
        )
        texts = await Texts.async_load(hass, hass.config.language)
        return {
            "gateway_id": coordinator.gateway_id,
            "login": login.title,
            **answers.span(span),
            **answers.seal(seal, texts),
            # Of a long span the newest part, as much as a session holds.
            "complete": not slices or slices[-1].span.start <= span.start,
            "entries": [answers.log_entry(one) for one in log_entries(slices)],
        }

    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_GET_LOG,
        get_log,
        schema=_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
