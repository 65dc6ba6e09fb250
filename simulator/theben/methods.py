"""The methods of the JSON interface; each answers its payload by key.

Almost all scalars are strings (interface description).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import hashlib
from itertools import pairwise
from typing import Any, Protocol

from simulator.clock import BERLIN, SimClock, utc_text
from simulator.faults import FaultSet
from simulator.journal import Journal
from simulator.readout import Readout
from simulator.signer import Signer
from simulator.wordings import (
    CLOCK_INVALID,
    FATAL,
    IDENTIFICATION,
    metering_point,
    obis_hex,
    word,
)

from . import log, values
from .refusals import bad
from .usage import UsagePoint, period_limits, usage_points

_FAR = datetime(2099, 12, 31, 23, 0, tzinfo=UTC)


class House(Protocol):
    """What the methods need of the gateway."""

    gateway_id: str
    firmware: str
    clock: SimClock
    faults: FaultSet
    journal: Journal
    signer: Signer

    @property
    def certificate_pem(self) -> str:
        """Return the TLS certificate."""
        ...

    def user_id(self, user: str) -> str:
        """Return the id a user is known by."""
        ...

    def start_self_test(self) -> None:
        """Begin a self-test."""
        ...

    def profile(self, usage_point: str, name: str) -> str:
        """Return a signed tariff profile, hex."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who asks what."""

    house: House
    user: str
    view: Readout
    asked: dict[str, Any]

    @property
    def usage_point(self) -> UsagePoint:
        """Return the usage point asked for; RefusedError (400) without one."""
        wanted = self.asked.get("usage-point-id")
        for point in usage_points(self.view):
            if point.id == wanted:
                return point
        raise bad("usage-point-id")


def smgw_info(call: Call) -> dict[str, Any]:
    """Return id, state, time (no zone: UTC, decided here), firmware, certificates."""
    house = call.house
    now = call.view.now
    if "smgw_time_local" in house.faults:
        now = now.astimezone(BERLIN)
    return {
        "smgw-info": {
            "certificates": {
                "han": {"tls": house.certificate_pem.encode().hex()},
                "wan": [
                    {
                        "cert-index": "0",
                        "sig": house.signer.issued.der.hex(),
                        "sub-ca": house.signer.authority.der.hex(),
                    }
                ],
            },
            "firmware-info": {
                "component": "Firmware",
                "hash": hashlib.sha256(house.firmware.encode()).hexdigest(),
                "version": house.firmware,
            },
            "smgw-id": house.gateway_id.lower(),
            "smgw-state": _state(house.faults),
            "smgw-time": now.strftime("%Y-%m-%dT%H:%M:%S"),
        }
    }


def user_info(call: Call) -> dict[str, Any]:
    """Return the user's usage points."""
    points = [_point(call, point) for point in usage_points(call.view)]
    return {"user-info": {"usage-points": points}}


def usage_point_info(call: Call) -> dict[str, Any]:
    """Return the lists of a usage point with their channels."""
    point = call.usage_point
    wanted = call.asked.get("database")
    if wanted is not None and wanted not in point.databases:
        raise bad("database")
    return {
        "usage-point-info": {
            "databases": [
                _list(call, point, name)
                for name in point.databases
                if wanted in (None, name)
            ],
            "emts": ["emt1.sm"],
            "taf-profile": call.house.profile(point.id, point.name),
            "transparency-bit": "false",
            "usage-point-id": point.id,
            "usage-point-name": point.name,
        }
    }


def readings(call: Call) -> dict[str, Any]:
    """Return values of one list."""
    return {"readings": values.readings(call.view, call.usage_point, call.asked)}


def log_entries(call: Call) -> dict[str, Any]:
    """Return entries of the consumer log."""
    points = usage_points(call.view)
    subject = points[0].id if points else ""
    user = f"01005e318011.{call.house.user_id(call.user)}"
    entries = call.house.journal.entries()
    return {"log": log.answer(entries, call.asked, subject, user)}


def self_test(call: Call) -> dict[str, Any]:
    """Start a self-test (the body is not documented: only the envelope)."""
    call.house.start_self_test()
    return {}


METHODS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "smgw-info": smgw_info,
    "user-info": user_info,
    "usage-point-info": usage_point_info,
    "readings": readings,
    "log": log_entries,
    "self-test": self_test,
}


def _state(faults: FaultSet) -> str:
    bits = IDENTIFICATION
    bits |= CLOCK_INVALID if "clock_invalid" in faults else 0
    bits |= FATAL if "fatal_status" in faults else 0
    return word(bits)


def _point(call: Call, point: UsagePoint) -> dict[str, Any]:
    faults = call.view.faults
    key = faults.get("billing_periods_key")
    end = "" if point.end is None else utc_text(point.end)
    if point.end is None and "end_time_far" in faults:
        end = utc_text(_FAR)
    named = point.contract.named_after or point.meter.id
    return {
        str(key["key"]) if key else "billing-Periods": list(_periods(call.view, point)),
        "capture-time": "06:00:00" if point.meter.medium == "7" else "00:00:00",
        "delivery-id": "emt1",
        "end-time": end,
        "meter": [{"meter-id": point.meter.id}],
        "metering-point-id": metering_point(named),
        "on-demand-profile-configured": "true" if point.on_demand else "false",
        "start-time": utc_text(point.begin),
        "taf-number": str(point.taf),
        "taf-state": point.state,
        "usage-point-id": point.id,
        "usage-point-name": point.name,
    }


def _periods(view: Readout, point: UsagePoint) -> Iterator[dict[str, str]]:
    """Return billing periods from the contract's begin to the one that runs."""
    end = view.now + timedelta(days=32)
    if point.end is not None:
        end = min(end, point.end)
    limits = list(period_limits(view, point.begin - timedelta(seconds=1), end))
    for begin, stop in pairwise(limits):
        if begin <= view.now:
            yield {"end-time": utc_text(stop), "start-time": utc_text(begin)}


def _list(call: Call, point: UsagePoint, database: str) -> dict[str, Any]:
    channels = []
    tail = f".{point.meter.id}.sm" if database == "origin" else f".{point.owner}"
    suffix = tail if {"obis_suffix", "interface_120"} & set(call.view.faults) else ""
    for register in values.channels(call.view, point, database):
        counted = call.view.scale(register)
        channels.append(
            {
                "obis": obis_hex(register.obis) + suffix,
                "scaler": str(counted.scaler),
                "unit": str(counted.unit),
            }
        )
    records = str(values.count(call.view, point, database))
    return {"channels": channels, "database": database, "records": records}
