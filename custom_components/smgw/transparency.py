"""The read-out of one contract as the transparency software imports it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cryptography import x509

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from . import answers
from .action_fields import Target
from .const import DOMAIN
from .documents import (
    Lists,
    beside,
    certificates,
    contract_of,
    derived_lists,
    document,
    reading_lists,
)
from .export import ar2418
from .export.document import LEAST
from .export.errors import ExportRule
from .faults import for_export
from .han.certificate import pem_to_der
from .han.history import Contract, Profile, Span
from .logins import Login
from .readout import Readout
from .seals import Seal
from .supplement import Supplement, contract_named, log_entries
from .texts import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be in the file."""

    span: Span
    contract: str | None
    """Its name or use case; None for the one that the meter's lists belong to."""
    profiles: Sequence[Profile]
    one_register: bool
    """Whether these are all that the owner wants of the meter."""
    supplement: Supplement


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutFile:
    """The file, before it is written."""

    parts: Callable[[], Iterable[bytes]]
    left_out: int
    told: dict[str, Any]
    """What the answer tells of it."""


async def async_file(
    hass: HomeAssistant,
    target: Target,
    login: Login,
    readout: Readout,
    wanted: Wanted,
    seal: Seal | None,
) -> ReadoutFile:
    """Return the read-out.

    Raises `ServiceValidationError` where there is no such contract, or where the format
    does not allow what was read.
    """
    contract = _contract(readout, wanted)
    original = await hass.async_add_executor_job(reading_lists, wanted.profiles)
    derived = _derived(readout, contract, wanted)
    lists, left_out = beside(derived, original, contract.taf if contract else None)
    config = target.entry.runtime_data.config
    entries = log_entries(wanted.supplement.log)
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
        log=entries,
    )
    try:
        await hass.async_add_executor_job(ar2418.write, whole)
    except ExportRule as err:
        texts = await Texts.async_load(hass, hass.config.language)
        raise for_export(err, texts) from err
    return ReadoutFile(
        parts=partial(ar2418.write, whole),
        left_out=left_out,
        told={
            **_told(contract),
            "registers": [
                {"register": one.logical_name, "readings": len(one.values)}
                for one in lists
            ],
            "log_entries": len(entries),
            "log_from": answers.moment(wanted.supplement.log_from(wanted.span)),
        },
    )


def _contract(readout: Readout, wanted: Wanted) -> Contract | None:
    contracts = readout.contracts or ()
    if wanted.contract is None:
        return contract_of(contracts, readout.meter_id)
    found = contract_named(contracts, readout.meter_id, wanted.contract, wanted.span)
    if found is None:
        own = [one for one in contracts if readout.meter_id in one.meters]
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_such_contract",
            translation_placeholders={
                "contracts": ", ".join(
                    f"{one.name or one.logical_name} (TAF {one.taf or '?'})"
                    for one in own
                )
                or "-"
            },
        )
    return found


def _derived(readout: Readout, contract: Contract | None, wanted: Wanted) -> Lists:
    """Return the registers of a contract that was asked for by name, if it has any."""
    if contract is None or wanted.contract is None or contract.taf not in LEAST:
        return Lists((), 0)
    found = wanted.supplement.derived
    if wanted.one_register:
        kinds = {one.register.obis.quantity for one in wanted.profiles}
        found = [one for one in found if one.register.obis.quantity in kinds]
    lists = derived_lists(contract, readout.meter_id, found)
    if not lists.lists:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_derived_registers",
            translation_placeholders={
                "contract": contract.name or contract.logical_name
            },
        )
    return lists


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
