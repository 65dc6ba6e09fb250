"""The action that answers with the quarter hours of a meter."""

from datetime import timedelta
from typing import Any

import probatio

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service

from . import answers
from .action_fields import (
    ATTR_REGISTER,
    FROM_TO,
    METER,
    Target,
    async_meter,
    register_of,
    span_of,
)
from .const import DOMAIN
from .han.history import Profile, Span
from .rides import async_read
from .seals import async_judge
from .texts import Texts

SERVICE_GET_LOAD_PROFILE = "get_load_profile"
ATTR_SIGNATURES = "signatures"
# An answer goes through the browser as a whole; longer spans are for exports.
LONGEST = timedelta(days=93)
# The first difference needs the reading that the span begins with, of gas an hour ago.
_BEFORE = timedelta(hours=1)

_SCHEMA = probatio.Schema(
    {
        **METER,
        **FROM_TO,
        probatio.Optional(ATTR_REGISTER): str,
        probatio.Optional(ATTR_SIGNATURES, default=False): cv.boolean,
    }
)


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def get_load_profile(call: ServiceCall) -> ServiceResponse:
        """Answer with the quarter hours of a span."""
        target = async_meter(hass, call.data[ATTR_DEVICE_ID])
        span, code = span_of(call.data, LONGEST), register_of(call.data)
        wider = Span(span.start - _BEFORE, span.end)
        login, readout = await async_read(target, wider)
        profiles = await hass.async_add_executor_job(readout.profiles, wider)
        chosen = registers(profiles, code)
        texts = await Texts.async_load(hass, hass.config.language)
        found = async_judge(target.coordinator, readout.opened(span))

        def answer() -> dict[str, Any]:
            return {
                **head(target, login.title, span),
                **answers.seal(found, texts),
                "registers": [
                    answers.profile(
                        profile, span, texts, signatures=call.data[ATTR_SIGNATURES]
                    )
                    for profile in chosen
                ],
            }

        return await hass.async_add_executor_job(answer)

    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_GET_LOAD_PROFILE,
        get_load_profile,
        schema=_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )


def head(target: Target, login: str, span: Span) -> dict[str, Any]:
    """Return what each answer about a meter begins with."""
    return {
        "gateway_id": target.coordinator.gateway_id,
        "meter_id": target.meter_id,
        "login": login,
        **answers.span(span),
    }


def registers(profiles: dict[str, Profile], code: str | None) -> list[Profile]:
    """Return the profiles of one register, or of all.

    Raises `ServiceValidationError` where there is none.
    """
    if not profiles:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="nothing_kept"
        )
    if code is None:
        return list(profiles.values())
    if code not in profiles:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_such_register",
            translation_placeholders={"registers": ", ".join(profiles)},
        )
    return [profiles[code]]
