"""The action that recomputes a bill from the load profile, as TRuDI does."""

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
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util

from . import answers, billing
from .action_fields import ATTR_REGISTER, METER, Target, async_meter, register_of
from .action_profile import head, registers
from .const import DOMAIN
from .counting import Counting
from .faults import for_tariff
from .han.history import Contract, Span
from .rides import async_read
from .seals import async_judge
from .tariff import bill, supplier
from .tariff.errors import OtherContract, PeriodInvalid, TariffError
from .tariff_fields import ATTR_FILE, ATTR_TEXT, FIELDS, Asked, asked
from .texts import Texts
from .uploads import async_upload

SERVICE_CHECK_BILL = "check_bill"
ATTR_DAILY = "daily"
ATTR_COMPARE = "compare"
_IMPORT = "1-0:1.8.0"
_LONGEST = timedelta(days=3 * 365)
_SECOND = timedelta(seconds=1)

_SCHEMA = probatio.Schema(
    {
        **METER,
        **FIELDS,
        probatio.Optional(ATTR_REGISTER, default=_IMPORT): str,
        probatio.Optional(ATTR_DAILY, default=False): cv.boolean,
        probatio.Optional(ATTR_COMPARE, default=True): cv.boolean,
    }
)


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def check_bill(call: ServiceCall) -> ServiceResponse:
        """Answer with what a period comes to."""
        target = async_meter(hass, call.data[ATTR_DEVICE_ID])
        texts = await Texts.async_load(hass, hass.config.language)
        content = await _async_content(hass, call)
        try:
            wanted = await hass.async_add_executor_job(
                asked, call.data, content, texts.say("bill_one_stage")
            )
            _check_period(wanted)
            return await _async_bill(hass, target, call, wanted, texts)
        except TariffError as err:
            raise for_tariff(err, texts) from err

    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_CHECK_BILL,
        check_bill,
        schema=_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )


async def _async_content(hass: HomeAssistant, call: ServiceCall) -> bytes | None:
    """Return the supplier's file, uploaded or as text; None without one."""
    if ATTR_TEXT in call.data:
        text: str = call.data[ATTR_TEXT]
        return text.strip().encode()
    if ATTR_FILE in call.data:
        return await async_upload(hass, call.data[ATTR_FILE], supplier.MOST_BYTES)
    return None


def _check_period(wanted: Asked) -> None:
    """Raise `PeriodInvalid` for what cannot be read, has yet to come, or may not be."""
    period = wanted.period
    if wanted.use_case == 1:
        bill.check_taf1(period)
    if period.end > dt_util.utcnow():
        raise PeriodInvalid("not over yet")
    if period.end - period.start > _LONGEST:
        raise PeriodInvalid("too long")


async def _async_bill(
    hass: HomeAssistant,
    target: Target,
    call: ServiceCall,
    wanted: Asked,
    texts: Texts,
) -> dict[str, Any]:
    """Read what is needed and answer. Raises `TariffError`."""
    period = wanted.period
    span = Span(period.start - _SECOND, period.end)
    code = register_of(call.data)
    counting = Counting(code, period)
    login, readout = await async_read(
        target,
        span,
        contracts=True,
        then=counting if call.data[ATTR_COMPARE] else None,
    )
    if wanted.supplier:
        _check_contract(wanted.supplier, target, readout.contracts or ())
    profiles = await hass.async_add_executor_job(readout.profiles, span)
    (profile,) = registers(profiles, code)
    seal = async_judge(target.coordinator, readout.opened(span))
    checked = await hass.async_add_executor_job(
        billing.check,
        profile,
        wanted.period,
        wanted.tariff,
        wanted.prices,
        counting.found(readout),
    )
    return {
        **head(target, login.title, Span(period.start, period.end)),
        **answers.seal(seal, texts),
        **answers.bill(
            checked, profile, wanted.tariff.name, texts, daily=call.data[ATTR_DAILY]
        ),
        "taf": wanted.use_case,
        "note": texts.say("for_information"),
    }


def _check_contract(
    found: supplier.SupplierTariff, target: Target, contracts: tuple[Contract, ...]
) -> None:
    """Raise `OtherContract` unless a file is for this gateway, and a contract of the meter.

    Where the gateway tells no metering point, none can be compared.
    """
    gateway_id = target.coordinator.gateway_id
    own = [one for one in contracts if target.meter_id in one.meters]
    refusal: OtherContract | None = None
    for contract in own:
        try:
            found.check_contract(
                usage_point=contract.metering_point or found.usage_point,
                tariff_name=contract.name,
                gateway_id=gateway_id,
            )
        except OtherContract as err:
            refusal = err
        else:
            return
    if refusal:
        raise refusal
    if found.gateway_id.upper() != gateway_id:
        raise OtherContract("another gateway")
