"""The action that hands a meter's history out as a file."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import StrEnum
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, ZipFile

from cryptography import x509
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
from .documents import certificates, contract_of, document, reading_lists
from .downloads import Download, async_downloads
from .export import ar2418, table
from .export.errors import ExportRule
from .faults import for_export
from .han.certificate import pem_to_der
from .han.history import Contract, Profile, SignedFile, Span
from .logins import Login
from .readout import Readout
from .rides import async_read
from .seals import Seal, async_judge
from .texts import Texts
from .views import SIGNED_FOR, async_address

SERVICE_EXPORT = "export"
ATTR_FORMAT = "format"
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


_SCHEMA = probatio.Schema(
    {
        **METER,
        **FROM_TO,
        probatio.Required(ATTR_FORMAT): probatio.Coerce(Format),
        probatio.Optional(ATTR_REGISTER): str,
    }
)


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the action."""

    async def export(call: ServiceCall) -> ServiceResponse:
        """Write a file and answer with its address."""
        target = async_meter(hass, call.data[ATTR_DEVICE_ID])
        span, kind = span_of(call.data, LONGEST), call.data[ATTR_FORMAT]
        # With the reading that the span begins with.
        wider = Span(span.start - _SECOND, span.end)
        login, readout = await async_read(
            target,
            wider,
            contracts=kind is Format.XML,
            originals=kind is Format.ORIGINAL,
        )
        seal = async_judge(target.entry, readout.opened(wider))
        if kind is Format.ORIGINAL:
            file, contract = _originals(readout.signed(wider)), None
        else:
            profiles = await hass.async_add_executor_job(readout.profiles, wider)
            chosen = registers(profiles, register_of(call.data))
            file, contract = await _async_file(
                hass, target, login, readout, chosen, kind, seal
            )
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
            **_told(contract),
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


def _told(contract: Contract | None) -> dict[str, Any]:
    """Return which contract a file names."""
    if contract is None:
        return {}
    return {
        "contract": {
            "name": contract.name,
            "taf": contract.taf,
            "metering_point": contract.metering_point,
        }
    }


async def _async_file(
    hass: HomeAssistant,
    target: Target,
    login: Login,
    readout: Readout,
    chosen: list[Profile],
    kind: Format,
    seal: Seal | None,
) -> tuple[_File, Contract | None]:
    """Return a file of load profiles, and the contract it names.

    Raises `ServiceValidationError` where the format does not allow what was read.
    """
    lists, left_out = await hass.async_add_executor_job(reading_lists, chosen)
    if dialect := _DIALECTS.get(kind):
        parts = partial(table.write, lists, dialect)
        return _File(".csv", "text/csv; charset=utf-8", parts, left_out), None
    contract = contract_of(readout.contracts or (), target.meter_id)
    config = target.entry.runtime_data.config
    whole = document(
        contract,
        lists,
        meter_id=target.meter_id,
        gateway_id=config.gateway_id,
        customer=login.title,
        firmware=target.coordinator.data.gateway.firmware,
        certificates=certificates(
            x509.load_der_x509_certificate(pem_to_der(config.certificate)),
            seal.signer if seal else None,
        ),
    )
    try:
        await hass.async_add_executor_job(ar2418.write, whole)
    except ExportRule as err:
        texts = await Texts.async_load(hass, hass.config.language)
        raise for_export(err, texts) from err
    parts = partial(ar2418.write, whole)
    return _File(".xml", "application/xml", parts, left_out), contract


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
