"""The action that hands a meter's history out as a file."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import partial
from io import BytesIO
from types import MappingProxyType
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, ZipFile

import probatio

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util

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
from .action_profile import head, registers
from .const import DOMAIN
from .documents import reading_lists
from .downloads import Download, async_downloads
from .export import table
from .han.errors import SmgwError
from .han.history import SignedFile, Span
from .logins import Login
from .readout import Readout
from .rides import async_read
from .seals import Seal, async_judge
from .supplement import Supplementing
from .texts import Texts
from .transparency import Wanted, async_file
from .views import SIGNED_FOR, async_address

SERVICE_EXPORT = "export"
ATTR_FORMAT = "format"
ATTR_CONTRACT = "contract"
ATTR_LOG = "log"
# What the format of the transparency software allows.
LONGEST = timedelta(days=3 * 365)
_SECOND = timedelta(seconds=1)


class Format(StrEnum):
    """What can be exported."""

    CSV = "csv"
    CSV_GERMAN = "csv_german"
    XML = "xml"
    ORIGINAL = "original"


_DIALECTS = {
    Format.CSV: table.Dialect.PLAIN,
    Format.CSV_GERMAN: table.Dialect.GERMAN,
}


class _File(NamedTuple):
    """A file that is to be written."""

    suffix: str
    content_type: str
    parts: Callable[[], Iterable[bytes]]
    left_out: int = 0
    told: Mapping[str, Any] = MappingProxyType({})


_SCHEMA = probatio.Schema(
    {
        **METER,
        **FROM_TO,
        probatio.Required(ATTR_FORMAT): probatio.Coerce(Format),
        probatio.Optional(ATTR_REGISTER): str,
        probatio.Optional(ATTR_CONTRACT): cv.string,
        probatio.Optional(ATTR_LOG, default=True): cv.boolean,
    }
)


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def export(call: ServiceCall) -> ServiceResponse:
        """Write a file and answer with its address."""
        target = async_meter(hass, call.data[ATTR_DEVICE_ID])
        span = span_of(call.data, LONGEST)
        login, file, seal = await _async_read(hass, target, call, span)
        download = await async_downloads(hass).async_add(
            target.entry.entry_id,
            f"{target.meter_id.lower()}_{_days(span)}{file.suffix}",
            file.content_type,
            file.parts,
        )
        texts = await Texts.async_load(hass, hass.config.language)
        return {
            **head(target, login.title, span),
            **answers.seal(seal, texts),
            **file.told,
            "left_out": file.left_out,
            **_fetch(hass, download, texts),
        }

    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_EXPORT,
        export,
        schema=_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )


def _fetch(hass: HomeAssistant, download: Download, texts: Texts) -> dict[str, Any]:
    """Return how to fetch a file, and what it must be like then."""
    return {
        "url": async_address(hass, download),
        "url_valid_until": answers.moment(dt_util.utcnow() + SIGNED_FOR),
        "name": download.name,
        "size": download.size,
        "sha256": download.sha256,
        "kept_until": answers.moment(download.until),
        "note": texts.say("for_information"),
    }


async def _async_read(
    hass: HomeAssistant, target: Target, call: ServiceCall, span: Span
) -> tuple[Login, _File, Seal | None]:
    """Read what a file is to hold. Raises `HomeAssistantError`."""
    kind = call.data[ATTR_FORMAT]
    # With the reading that the span begins with.
    wider = Span(span.start - _SECOND, span.end)
    more = Supplementing(
        wider, log=call.data[ATTR_LOG], contract=call.data.get(ATTR_CONTRACT)
    )
    try:
        login, readout = await async_read(
            target,
            wider,
            contracts=kind is Format.XML,
            then=more if kind is Format.XML else None,
            originals=kind is Format.ORIGINAL,
        )
    except HomeAssistantError as err:
        if more.log_error is None:
            raise
        raise await _async_without_log(hass, more.log_error) from err
    found = more.found(readout)
    more.answered(readout)
    opened = [*readout.opened(wider), *(one.opened for one in found.signed)]
    seal = async_judge(target.coordinator, opened)
    if kind is Format.ORIGINAL:
        file = _originals(readout.signed(wider))
    else:
        profiles = await hass.async_add_executor_job(readout.profiles, wider)
        code = register_of(call.data)
        wanted = Wanted(
            span=span,
            contract=call.data.get(ATTR_CONTRACT),
            profiles=registers(profiles, code),
            one_register=code is not None,
            supplement=found,
        )
        file = await _async_file(hass, target, login, readout, wanted, kind, seal)
    return login, file, seal


async def _async_without_log(hass: HomeAssistant, err: SmgwError) -> HomeAssistantError:
    """Return what to raise where only the log cannot be had."""
    texts = await Texts.async_load(hass, hass.config.language)
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="log_not_read",
        translation_placeholders={"reason": texts.explain(err.key, err.placeholders)},
    )


async def _async_file(
    hass: HomeAssistant,
    target: Target,
    login: Login,
    readout: Readout,
    wanted: Wanted,
    kind: Format,
    seal: Seal | None,
) -> _File:
    """Return a file of load profiles. Raises `ServiceValidationError`."""
    if dialect := _DIALECTS.get(kind):
        lists, left_out = await hass.async_add_executor_job(
            reading_lists, wanted.profiles
        )
        parts = partial(table.write, lists, dialect)
        return _File(".csv", "text/csv; charset=utf-8", parts, left_out)
    found = await async_file(hass, target, login, readout, wanted, seal)
    return _File(".xml", "application/xml", found.parts, found.left_out, found.told)


def _originals(signed: list[SignedFile]) -> _File:
    """Return the signed originals: one as it is, several in an archive.

    Raises `ServiceValidationError` where the gateway hands none out.
    """
    if not signed:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_original"
        )
    if len(signed) == 1:
        return _File(".xml.cms", "application/pkcs7-mime", lambda: [signed[0].content])

    def packed() -> Iterable[bytes]:
        buffer = BytesIO()
        with ZipFile(buffer, "w", ZIP_STORED) as archive:
            for number, file in enumerate(signed, 1):
                archive.writestr(f"{number:03}_{file.name}", file.content)
        yield buffer.getvalue()

    return _File(".cms.zip", "application/zip", packed)


def _days(span: Span) -> str:
    """Return a span's days as a part of a name."""
    start, end = dt_util.as_local(span.start), dt_util.as_local(span.end)
    return f"{start:%Y%m%d}-{end:%Y%m%d}"
