"""What is refused, and with which code."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.limitation import Failsafe
from custom_components.smgw.control.model import LimitGrant
from custom_components.smgw.control.reasons import Reason

from .helpers import FakeClock
from .house import CONSUMPTION, GRID, OWNER, SUPPLIER, Bench, Participant

REFUSALS: list[tuple[Participant, dict[str, Any], Reason]] = [
    (OWNER, {"item": {"id": "switch.nowhere", "value": True}}, Reason.UNKNOWN_ITEM),
    # not granted at all: it does not even exist
    (GRID, {"item": {"id": "number.boiler", "value": 40}}, Reason.UNKNOWN_ITEM),
    (SUPPLIER, {"item": {"id": "sensor.boiler", "value": "x"}}, Reason.NOT_GRANTED),
    (SUPPLIER, {"item": {"id": "switch.boiler", "value": 1}}, Reason.WRONG_KIND),
    (SUPPLIER, {"item": {"id": "switch.boiler", "value": "on"}}, Reason.WRONG_KIND),
    (SUPPLIER, {"item": {"id": "select.boiler", "value": "off"}}, Reason.OUT_OF_BOUNDS),
    (SUPPLIER, {"item": {"id": "select.boiler", "value": True}}, Reason.WRONG_KIND),
    (
        SUPPLIER,
        {"item": {"id": "number.boiler", "value": 61, "unit": "°C"}},
        Reason.OUT_OF_BOUNDS,
    ),
    (
        SUPPLIER,
        {"item": {"id": "number.boiler", "value": 29, "unit": "°C"}},
        Reason.OUT_OF_BOUNDS,
    ),
    (SUPPLIER, {"item": {"id": "number.boiler", "value": 40}}, Reason.WRONG_UNIT),
    (
        SUPPLIER,
        {"item": {"id": "number.boiler", "value": 40, "unit": "°F"}},
        Reason.WRONG_UNIT,
    ),
    (
        SUPPLIER,
        {"item": {"id": "number.boiler", "value": "warm", "unit": "°C"}},
        Reason.NOT_A_NUMBER,
    ),
    (SUPPLIER, {"limit": ("production", "contract", 5000)}, Reason.NOT_GRANTED),
    (SUPPLIER, {"limit": ("consumption", "para14a", 5000)}, Reason.KIND_NOT_ALLOWED),
    (SUPPLIER, {"limit": ("consumption", "contract", 999)}, Reason.OUT_OF_BOUNDS),
    (GRID, {"limit": ("consumption", "own", 5000)}, Reason.KIND_NOT_ALLOWED),
    (
        GRID,
        {"limit": {"direction": "production", "kind": "para9", "percent": 60}},
        Reason.NO_NOMINAL_POWER,
    ),
    (
        GRID,
        {
            "limit": {
                "direction": "production",
                "kind": "para9",
                "watts": 1,
                "scope": "w1",
            }
        },
        Reason.UNKNOWN_SCOPE,
    ),
    (GRID, {"limit": ("consumption", "test", 1), "until": -1}, Reason.OVER),
    (GRID, {"limit": ("consumption", "test", 1), "from": 172801}, Reason.TOO_FAR_AHEAD),
    (SUPPLIER, {"limit": ("consumption", "test", 1000), "until": None}, Reason.NO_END),
    (
        SUPPLIER,
        {"limit": ("consumption", "test", 1000), "duration_s": 14401},
        Reason.TOO_LONG,
    ),
    (GRID, {"prices": {"unit": "ct/kWh", "slots": []}}, Reason.NOT_GRANTED),
    (GRID, {"failsafe": {"direction": "consumption", "watts": 1}}, Reason.NOT_GRANTED),
]


def spelled(bench: Bench, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a command's fields written out."""
    limit = fields.get("limit")
    if isinstance(limit, tuple):
        direction, kind, watts = limit
        fields = fields | {
            "limit": {"direction": direction, "kind": kind, "watts": watts}
        }
    if "prices" in fields:
        now = bench.clock.utc()
        slot = {"from": now, "until": now.replace(year=now.year + 1), "price": 30}
        return fields | {"prices": fields["prices"] | {"slots": [slot]}}
    if ("limit" in fields or "item" in fields) and "until" not in fields:
        return {"duration_s": 3600} | fields
    return fields


@pytest.mark.parametrize(("who", "fields", "reason"), REFUSALS)
async def test_refused(
    bench: Bench, who: Participant, fields: dict[str, Any], reason: Reason
) -> None:
    """What is not granted, or not now, is refused with a code, one row and a receipt; nothing moves."""
    pictures = len(bench.home.pictures)
    answer = await bench.send(who, **spelled(bench, fields))
    assert answer.verdict.reason is reason
    assert bench.home.writes == []
    assert len(bench.home.pictures) == pictures
    assert await bench.kinds(answer) == ["refused", "receipt"]
    assert (await bench.rows(answer))[0]["data"]["verdict"] == reason
    receipt = await bench.receipt(answer)
    assert (receipt["state"], receipt["verdict"]) == ("rejected", reason)
    assert await bench.state(answer) == "rejected"
    assert bench.home.told() == ["refused"]


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (300, Reason.POSSIBLE),
        (300.001, Reason.STALE),
        (-300, Reason.POSSIBLE),
        (-300.001, Reason.FROM_THE_FUTURE),
    ],
)
async def test_freshness(bench: Bench, age: float, reason: Reason) -> None:
    """A command that was made long ago, or by a clock that is ahead, does not count."""
    limit = {"direction": "consumption", "kind": "test", "watts": 5000}
    bench.clock.step(-age)
    command = bench.command(limit=limit, duration_s=60)
    bench.clock.step(age)
    assert (await bench.authority.submit(command)).verdict.reason is reason


@pytest.mark.parametrize(
    ("who", "hours", "watts", "reason"),
    [
        (SUPPLIER, (1, 2), 3000, Reason.POSSIBLE),
        (SUPPLIER, (1, 2), 999, Reason.OUT_OF_BOUNDS),
        (SUPPLIER, (1, 6), 3000, Reason.TOO_LONG),
        (GRID, (-2, -1), 3000, Reason.OVER),
        (GRID, (-2, 1), 3000, Reason.POSSIBLE),
        (GRID, (49, 50), 3000, Reason.TOO_FAR_AHEAD),
        (GRID, (47, 90), 3000, Reason.POSSIBLE),
    ],
)
async def test_schedules(
    bench: Bench, who: Participant, hours: tuple[int, int], watts: int, reason: Reason
) -> None:
    """A schedule is bound like a limit; prices are bound in time."""
    start, end = (bench.clock.utc() + timedelta(hours=hour) for hour in hours)
    kind = "contract" if who is SUPPLIER else "para14a"
    slot = {"from": start, "until": end, "watts": watts}
    body = {"direction": "consumption", "kind": kind, "slots": [slot]}
    answer = await bench.send(who, schedule=body)
    assert answer.verdict.reason is reason
    if who is GRID:
        slot = {"from": start, "until": end, "price": watts}
        table = {"unit": "ct/kWh", "slots": [slot]}
        answer = await bench.send(SUPPLIER, prices=table)
        assert answer.verdict.reason is reason


async def test_grant_of_a_schedule(bench: Bench) -> None:
    """A schedule needs the grant for its direction, and a kind its participant may order."""
    start, end = (bench.clock.utc() + timedelta(hours=hour) for hour in (1, 2))
    slot = {"from": start, "until": end, "watts": 3000}
    for direction, kind, reason in (
        ("production", "contract", Reason.NOT_GRANTED),
        ("consumption", "para14a", Reason.KIND_NOT_ALLOWED),
    ):
        body = {"direction": direction, "kind": kind, "slots": [slot]}
        answer = await bench.send(SUPPLIER, schedule=body)
        assert answer.verdict.reason is reason


async def test_failsafe_of_a_contract(ledger: Ledger, clock: FakeClock) -> None:
    """A contract's failsafe value has the lower bound of its grant."""
    failsafe = Failsafe(watts=Decimal(5000))
    grant = LimitGrant(direction=CONSUMPTION, low=Decimal(4000), failsafe=failsafe)
    contract = replace(SUPPLIER, grants=(grant,))
    bench = Bench.of(ledger, clock, participants=(contract,))
    await bench.authority.start()
    await bench.authority.contact("supplier")
    await bench.send(contract, release={})
    for watts, reason in ((3999, Reason.OUT_OF_BOUNDS), (4000, Reason.POSSIBLE)):
        body = {"direction": "consumption", "watts": watts}
        answer = await bench.send(contract, failsafe=body)
        assert answer.verdict.reason is reason
    await bench.authority.close()
