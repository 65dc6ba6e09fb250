"""Actions of the control side: release, receipts, evidence, prices, and test commands in the laboratory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import probatio

from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import (
    async_get_config_entry,
    async_register_admin_service,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from .action_fields import ATTR_END, ATTR_START, as_utc
from .bridge.prices import price_table
from .bridge.room import ControlRoom
from .bridge.setup import OWNER
from .bridge.wording import plain
from .cls.model import TunnelKind
from .const import DOMAIN
from .const_control import (
    ATTR_DIRECTION,
    ATTR_PARTICIPANT,
    ATTR_TRANSACTION_ID,
    ATTR_VALUE,
    ATTR_WATTS,
    device_identifier,
)
from .control.chain import Kind
from .control.command import Body, SetItem, SetLimit
from .control.errors import LedgerError
from .control.keys import key_id
from .control.model import Direction, LimitKind
from .control_failures import refused
from .downloads import async_downloads
from .models import SmgwConfigEntry
from .views import SIGNED_FOR, async_address

SERVICE_RELEASE = "release"
SERVICE_GET_RECEIPTS = "get_receipts"
SERVICE_EXPORT_EVIDENCE = "export_evidence"
SERVICE_GET_PRICES = "get_prices"
SERVICE_SEND_TEST_COMMAND = "send_test_command"

ATTR_MINUTES = "minutes"
ATTR_MOST = "most"
_SLICE = 500
_CONTENT_TYPE = "application/octet-stream"

_DEVICE = {probatio.Required(ATTR_DEVICE_ID): str}
_SPAN = {
    probatio.Optional(ATTR_START): cv.datetime,
    probatio.Optional(ATTR_END): cv.datetime,
}
_RELEASE = probatio.Schema(
    {**_DEVICE, probatio.Optional(ATTR_TRANSACTION_ID): cv.string}
)
_RECEIPTS = probatio.Schema(
    {
        **_DEVICE,
        **_SPAN,
        probatio.Optional(ATTR_MOST, default=100): probatio.All(
            int, probatio.Range(min=1, max=1000)
        ),
    }
)
_EVIDENCE = probatio.Schema({**_DEVICE, **_SPAN})
_PRICES = probatio.Schema(_DEVICE)
_TEST = probatio.Schema(
    {
        **_DEVICE,
        probatio.Optional(ATTR_ENTITY_ID): cv.entity_id,
        probatio.Optional(ATTR_VALUE): probatio.Any(bool, int, float, str),
        probatio.Optional(ATTR_DIRECTION): probatio.In(list(map(str, Direction))),
        probatio.Optional(ATTR_WATTS): probatio.All(
            probatio.Coerce(int), probatio.Range(min=0)
        ),
        probatio.Optional(ATTR_MINUTES, default=5): probatio.All(
            int, probatio.Range(min=1, max=60)
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The device that an action means."""

    entry: SmgwConfigEntry
    room: ControlRoom
    subentry_id: str | None
    """Of a participant or a CLS switch; None: the gateway, and so all of them."""

    @property
    def participant_id(self) -> str | None:
        """Return the participant, if it is one."""
        known = self.subentry_id and self.room.setup.participant(self.subentry_id)
        return self.subentry_id if known else None

    @property
    def switch_id(self) -> str | None:
        """Return the CLS switch, if it is one."""
        return None if self.participant_id else self.subentry_id


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, work, schema, answers in (
        (SERVICE_RELEASE, _release, _RELEASE, SupportsResponse.OPTIONAL),
        (SERVICE_GET_RECEIPTS, _receipts, _RECEIPTS, SupportsResponse.ONLY),
        (SERVICE_EXPORT_EVIDENCE, _evidence, _EVIDENCE, SupportsResponse.ONLY),
        (SERVICE_GET_PRICES, _prices, _PRICES, SupportsResponse.ONLY),
        (SERVICE_SEND_TEST_COMMAND, _test, _TEST, SupportsResponse.OPTIONAL),
    ):

        async def run(call: ServiceCall, work: Any = work) -> ServiceResponse:
            """Do it, on the device it is about."""
            target = _target(hass, call.data[ATTR_DEVICE_ID])
            try:
                answer: ServiceResponse = await work(hass, target, call)
            except LedgerError as err:
                raise HomeAssistantError(
                    translation_domain=DOMAIN, translation_key="ledger_unavailable"
                ) from err
            return answer if call.return_response else None

        async_register_admin_service(
            hass, DOMAIN, name, run, schema=schema, supports_response=answers
        )


async def _release(
    hass: HomeAssistant, target: Target, call: ServiceCall
) -> ServiceResponse:
    """End commands by the owner's hand; those of the grid operator stay."""
    wanted, room = call.data.get(ATTR_TRANSACTION_ID), target.room
    held = room.picture.items.get(target.subentry_id or "")
    told: list[JsonValueType] = []
    verdicts = []
    for line in room.picture.commands:
        key = line.participant_id, line.transaction_id
        its_switch = held and (held.participant_id, held.transaction_id) == key
        about = target.subentry_id in (None, line.participant_id) or its_switch
        if line.participant_id == OWNER and not its_switch:
            continue
        if not about or wanted not in (None, line.transaction_id):
            continue
        verdict = await room.async_override(*key)
        verdicts.append(verdict)
        told.append(
            {
                ATTR_PARTICIPANT: room.name(line.participant_id),
                ATTR_TRANSACTION_ID: line.transaction_id,
                "released": verdict.accepted,
                "reason": verdict.reason.value,
            }
        )
    if wanted is not None and not told:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_such_command"
        )
    if verdicts and not any(verdict.accepted for verdict in verdicts):
        raise refused(room, verdicts[0])
    return {"commands": told}


async def _receipts(
    hass: HomeAssistant, target: Target, call: ServiceCall
) -> ServiceResponse:
    """Answer with the newest receipts, oldest first, and what is needed to check them.

    Of a switch: those of commands about it, whoever ordered them.
    """
    start, end = _span(call)
    ledger = target.room.ledger
    found: list[JsonValueType] = []
    about: set[tuple[str | None, str | None]] = set()
    async for row in _rows(target):
        key = row.get("participant"), row.get("transaction")
        if target.switch_id and target.switch_id == _item_of(row):
            about.add(key)
        if row["kind"] != Kind.RECEIPT or (target.switch_id and key not in about):
            continue
        at = datetime.fromisoformat(row["at"])
        if (start is None or at >= start) and (end is None or at < end):
            found.append(row["data"])
    return {
        "ledger": ledger.ledger_id,
        "key": key_id(ledger.point),
        "point": ledger.point,
        "receipts": found[-call.data[ATTR_MOST] :],
    }


def _item_of(row: Any) -> str | None:
    """Return the item that a row has a command for."""
    command = row["data"].get("command")
    item = command.get("item") if isinstance(command, dict) else None
    return item.get("id") if isinstance(item, dict) else None


async def _rows(target: Target) -> AsyncIterator[Any]:
    after, ledger = 0, target.room.ledger
    while rows := await ledger.rows(after, _SLICE, target.participant_id):
        for row in rows:
            yield row
        after = rows[-1]["seq"]


async def _evidence(
    hass: HomeAssistant, target: Target, call: ServiceCall
) -> ServiceResponse:
    """Write an export that a stranger can check; answer where it waits."""
    start, end = _span(call)
    ledger, stamp = target.room.ledger, target.room.clock.now()
    pieces = ledger.export(stamp, start, end, target.participant_id)

    def parts() -> Iterator[bytes]:
        """Fetch piece by piece, from the thread that writes the file."""
        while True:
            piece = asyncio.run_coroutine_threadsafe(_next(pieces), hass.loop).result()
            if piece is None:
                return
            yield piece

    name = f"{target.room.gateway_id.lower()}-{stamp.utc:%Y%m%dT%H%M%SZ}.ledger"
    download = await async_downloads(hass).async_add(
        target.entry.entry_id, name, _CONTENT_TYPE, parts
    )
    return {
        "ledger": ledger.ledger_id,
        "key": key_id(ledger.point),
        "name": download.name,
        "size": download.size,
        "sha256": download.sha256,
        "url": async_address(hass, download),
        "url_until": dt_util.as_local(dt_util.utcnow() + SIGNED_FOR).isoformat(),
    }


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _prices(
    hass: HomeAssistant, target: Target, call: ServiceCall
) -> ServiceResponse:
    """Answer with the price table that counts, or that of one participant."""
    table = price_table(target.room, target.participant_id)
    if table is None:
        return {ATTR_PARTICIPANT: None, "unit": None, "now": None, "slots": []}
    slot = table.at(dt_util.utcnow())
    return {
        ATTR_PARTICIPANT: target.room.name(table.participant_id),
        "unit": table.unit,
        "now": None if slot is None else plain(slot.value),
        "slots": [
            {
                ATTR_START: dt_util.as_local(one.start).isoformat(),
                ATTR_END: dt_util.as_local(one.end).isoformat(),
                "price": plain(one.value),
            }
            for one in table.slots
        ],
    }


async def _test(
    hass: HomeAssistant, target: Target, call: ServiceCall
) -> ServiceResponse:
    """Order something in the name of a participant of the laboratory."""
    room, participant_id = target.room, target.participant_id
    participant = (
        None if participant_id is None else room.setup.participant(participant_id)
    )
    if (
        participant is None
        or participant.channel.kind is not TunnelKind.DIRECT
        or not room.setup.home.lab
    ):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="laboratory_only"
        )
    until = room.clock.now().utc + timedelta(minutes=call.data[ATTR_MINUTES])
    body = _body(target, call)
    # A test is a sign of life as well: limits count only with one.
    await room.authority.contact(participant.participant_id)
    ordered = await room.async_order(
        participant.participant_id, body, context=call.context, until=until
    )
    if not ordered.answer.verdict.accepted:
        raise refused(room, ordered.answer.verdict)
    return {
        ATTR_TRANSACTION_ID: ordered.answer.transaction_id,
        "done": ordered.done,
        "until": dt_util.as_local(until).isoformat(),
    }


def _body(target: Target, call: ServiceCall) -> Body:
    """Return what is ordered: an item, or a limit. Raises `ServiceValidationError`."""
    data = call.data
    if ATTR_DIRECTION in data and ATTR_WATTS in data and ATTR_ENTITY_ID not in data:
        return SetLimit(
            direction=Direction(data[ATTR_DIRECTION]),
            kind=LimitKind.TEST,
            watts=Decimal(data[ATTR_WATTS]),
        )
    if ATTR_ENTITY_ID in data and ATTR_VALUE in data and ATTR_DIRECTION not in data:
        entity_id, value = data[ATTR_ENTITY_ID], data[ATTR_VALUE]
        item = target.room.item_of(entity_id)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = Decimal(str(value))
        return SetItem(
            item_id=item.item_id if item else entity_id,
            value=value,
            unit=item.unit if item else None,
        )
    raise ServiceValidationError(
        translation_domain=DOMAIN, translation_key="item_or_limit"
    )


def _span(call: ServiceCall) -> tuple[datetime | None, datetime | None]:
    """Return from when to when (UTC), each if it is stated."""
    start, end = call.data.get(ATTR_START), call.data.get(ATTR_END)
    return start and as_utc(start), end and as_utc(end)


@callback
def _target(hass: HomeAssistant, device_id: str) -> Target:
    """Return what a device stands for. Raises `ServiceValidationError`."""
    device = dr.async_get(hass).async_get(device_id)
    entry_id = device.config_entry_id if isinstance(device, dr.DeviceEntry) else None
    known = entry_id and hass.config_entries.async_get_entry(entry_id)
    if device is None or not known or known.domain != DOMAIN:
        raise _not_controlled()
    # Home Assistant says it if the entry is not loaded.
    entry: SmgwConfigEntry = async_get_config_entry(hass, DOMAIN, known.entry_id)
    room = entry.runtime_data.control
    if room is None:
        raise _not_controlled()
    if (DOMAIN, room.gateway_id) in device.identifiers:
        return Target(entry=entry, room=room, subentry_id=None)
    for subentry_id in entry.subentries:
        its = device_identifier(room.gateway_id, subentry_id)
        if (DOMAIN, its) in device.identifiers:
            return Target(entry=entry, room=room, subentry_id=subentry_id)
    raise _not_controlled()


def _not_controlled() -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="nothing_controlled"
    )
