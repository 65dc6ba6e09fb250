"""What a participant finds: what it was granted, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
import json
from pathlib import Path
from typing import Any

import h11
import pytest

from custom_components.smgw.control.errors import LedgerUnavailable
from tests.control.house import GRID, SUPERVISED

from .conftest import Desk
from .emt import Reply

LIMIT = {
    "direction": "consumption",
    "kind": "contract",
    "watts": 4200,
    "duration_s": 3600,
}


async def test_root(desk: Desk) -> None:
    """Who we are, who asks, what it may."""
    emt = await desk.emt()
    root = (await emt.ask("GET", "")).json
    assert root["software"] == {"name": "smgw", "version": "1.2.3"}
    assert root["certified"] is False
    for told in ("TR-03109-5", "§14a EnWG", "§9 EEG", "consent", "seal", "calibrated"):
        assert told in root["notice"]
    assert root["participant"] == {
        "id": "supplier",
        "name": "Strom",
        "role": "supplier",
        "tunnel": "direct",
    }
    assert [grant["grant"] for grant in root["grants"]] == [
        "thing",
        "thing",
        "item",
        "limit",
        "prices",
    ]
    assert root["grants"][3]["longest_s"] == 4 * 3600
    assert root["ledger"]["point"] == desk.lab.bench.ledger.point
    assert root["clock"]["source"] == "system"


async def test_only_what_was_granted(desk: Desk) -> None:
    """Whole devices are things; a single item shows nothing of its device."""
    emt = await desk.emt()
    things = (await emt.ask("GET", "things")).json["things"]
    assert [thing["id"] for thing in things] == ["boiler", "cls"]
    assert things[0]["items"] == [
        "number.boiler",
        "select.boiler",
        "sensor.boiler",
        "switch.boiler",
    ]
    items = {i["id"]: i for i in (await emt.ask("GET", "items")).json["items"]}
    assert "switch.heatpump" not in items
    assert items["number.wallbox"]["thing"] is None
    assert items["number.boiler"] == {
        "id": "number.boiler",
        "thing": "boiler",
        "name": "number.boiler",
        "kind": "number",
        "access": "write",
        "unit": "°C",
        "low": "30",
        "high": "60",
        "options": None,
        "quality": "good",
        "value": "50",
        "at": items["number.boiler"]["at"],
        "held": None,
    }
    assert items["sensor.boiler"]["access"] == "read"
    assert items["cls.one"]["quality"] == "unavailable"
    assert (await emt.ask("GET", "items/switch.heatpump")).code == "unknown_item"
    assert (await emt.ask("GET", "items/none")).code == "unknown_item"
    assert (await emt.ask("GET", "things/wallbox")).code == "unknown_thing"
    assert (await emt.ask("GET", "things/boiler")).json == things[0]


async def test_what_is_not_granted_cannot_be_set(desk: Desk) -> None:
    """An item of others looks like none at all."""
    emt = await desk.emt()
    for item in ("switch.heatpump", "switch.none"):
        answer = await desk.lab.write(
            emt, "POST", f"items/{item}/commands", {"value": True, "duration_s": 9}
        )
        assert (answer.status, answer.code) == (404, "unknown_item")
    assert desk.lab.bench.home.writes == []


async def test_who_holds_an_item(desk: Desk) -> None:
    """The holder sees its own value; others only that it is held."""
    emt, other = await desk.emt(), await desk.emt("service")
    body = {"value": "55", "unit": "°C", "duration_s": 60}
    answer = await desk.lab.write(emt, "POST", "items/number.boiler/commands", body)
    assert answer.status == 202
    await desk.lab.bench.settle()
    mine = (await emt.ask("GET", "items/number.boiler")).json
    assert mine["value"] == "55"
    assert mine["held"] == {"by": "you", "value": "55", "until": answer.json["until"]}
    theirs = (await other.ask("GET", "items/number.boiler")).json
    assert theirs["held"] == {"by": "other"}
    # Nor can the other one see the command.
    path = answer.headers["location"]
    assert (await other.ask("GET", path)).code == "unknown_command"
    assert (await other.ask("GET", "commands")).json == {"commands": []}
    (line,) = (await emt.ask("GET", "commands")).json["commands"]
    assert line["transaction_id"] == answer.json["transaction_id"]


async def test_numbers_are_exact(desk: Desk) -> None:
    """A JSON fraction is read as a decimal, not as a binary float."""
    emt = await desk.emt()
    raw = b'{"value": 50.1, "unit": "\\u00b0C", "duration_s": 60}'
    answer = await emt.ask(
        "POST", "items/number.boiler/commands", None, desk.lab.headers(), raw
    )
    assert answer.status == 202
    await desk.lab.bench.settle()
    assert desk.lab.bench.home.values["number.boiler"] == Decimal("50.1")


async def test_a_limit_and_its_release(desk: Desk) -> None:
    """From the order to the receipt, and what the list of limits says meanwhile."""
    emt = await desk.emt()
    answer = await desk.lab.write(emt, "POST", "limits", LIMIT)
    assert answer.status == 202
    (limit,) = (await emt.ask("GET", "limits")).json["limits"]
    assert limit == {
        "direction": "consumption",
        "state": None,
        "watts": "4200",
        "until": answer.json["until"],
        "failsafe_watts": None,
        "counts": True,
    }
    done = await desk.lab.write(
        emt, "POST", "limits/release", {"direction": "consumption"}
    )
    assert done.status == 202
    (limit,) = (await emt.ask("GET", "limits")).json["limits"]
    assert (limit["watts"], limit["counts"]) == (None, False)
    told = (await emt.ask("GET", answer.headers["location"])).json
    assert (told["state"], told["end"]) == ("released", "released")
    assert told["watts"] == "4200"
    assert len(told["receipts"]) == 1


async def test_whose_limit_counts(desk: Desk) -> None:
    """Of two limits the smaller one; the other's value is nobody's business."""
    emt, grid = await desk.emt(), await desk.emt("grid")
    await desk.lab.write(emt, "POST", "limits", LIMIT | {"watts": "6000"})
    order = LIMIT | {"kind": "para14a", "watts": "4200"}
    assert (await desk.lab.write(grid, "POST", "limits", order)).status == 202
    (limit,) = (await emt.ask("GET", "limits")).json["limits"]
    assert (limit["watts"], limit["counts"]) == ("6000", False)
    limits = (await grid.ask("GET", "limits")).json["limits"]
    assert [(one["watts"], one["counts"]) for one in limits] == [
        ("4200", True),
        (None, False),
    ]


async def test_only_what_applies_now(desk: Desk) -> None:
    """Not what is ordered for later; of a schedule the slot of this moment, also where another limit is smaller."""
    emt, grid, clock = await desk.emt(), await desk.emt("grid"), desk.lab.bench.clock
    later = (clock.utc() + timedelta(hours=1)).isoformat()
    ahead = LIMIT | {"from": later}
    assert (await desk.lab.write(emt, "POST", "limits", ahead)).status == 202
    (limit,) = (await emt.ask("GET", "limits")).json["limits"]
    assert (limit["watts"], limit["until"], limit["counts"]) == (None, None, False)
    begin = clock.utc().replace(microsecond=0)
    slots = _quarters(begin, ("6000", "5000"))
    schedule = {"direction": "consumption", "kind": "contract", "slots": slots}
    assert (await desk.lab.write(emt, "PUT", "schedules", schedule)).status == 202
    (limit,) = (await emt.ask("GET", "limits")).json["limits"]
    assert (limit["watts"], limit["counts"]) == ("6000", True)
    smaller = LIMIT | {"kind": "para14a", "watts": "4200"}
    assert (await desk.lab.write(grid, "POST", "limits", smaller)).status == 202
    (limit,) = (await emt.ask("GET", "limits")).json["limits"]
    assert (limit["watts"], limit["counts"]) == ("6000", False)
    end = begin + timedelta(minutes=15)
    assert limit["until"] == end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_an_export_that_breaks_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with the connection: half of it must not look like the whole."""
    emt = await desk.emt()
    await emt.ask("GET", "")
    ledger = desk.lab.bench.ledger
    whole = ledger.export

    async def broken(*args: Any) -> AsyncIterator[bytes]:
        async for piece in whole(*args):
            yield piece
            raise LedgerUnavailable("disk gone")

    monkeypatch.setattr(ledger, "export", broken)
    with pytest.raises((ConnectionError, h11.RemoteProtocolError)):
        await emt.ask("GET", "audit")


async def test_failsafe_and_its_state(desk: Desk) -> None:
    """The state machine is told of, and the participant can change its failsafe."""
    bench = desk.lab.bench
    await bench.authority.configure(bench.authority._house, [SUPERVISED])
    emt = await desk.emt("grid")
    (limit, _) = (await emt.ask("GET", "limits")).json["limits"]
    assert (limit["state"], limit["watts"], limit["counts"]) == ("init", "4200", True)
    body = {"direction": "consumption", "watts": "5000", "minimum_s": 7200}
    assert (await desk.lab.write(emt, "PUT", "failsafe", body)).code == "no_contact"
    assert (await desk.lab.write(emt, "POST", "release")).status == 202
    assert (await desk.lab.write(emt, "PUT", "failsafe", body)).status == 202
    (limit, _) = (await emt.ask("GET", "limits")).json["limits"]
    assert (limit["state"], limit["watts"]) == ("controlled", None)
    assert limit["failsafe_watts"] == "5000"


async def test_tables(desk: Desk) -> None:
    """Schedules and prices come back as they were put, with their version."""
    emt, clock = await desk.emt(), desk.lab.bench.clock
    begin = clock.utc().replace(microsecond=0)
    slots = _quarters(begin, ("6000", "5000.5"))
    schedule = {"direction": "consumption", "kind": "contract", "slots": slots}
    answer = await desk.lab.write(emt, "PUT", "schedules", schedule)
    assert answer.status == 202
    (told,) = (await emt.ask("GET", "schedules")).json["schedules"]
    assert told["version"] == answer.json["transaction_id"]
    assert [slot["watts"] for slot in told["slots"]] == ["6000", "5000.5"]
    assert told["valid_until"] == told["slots"][-1]["until"]
    prices = {"unit": "ct/kWh", "slots": _quarters(begin, ("28.15", "-1"), "price")}
    assert (await desk.lab.write(emt, "PUT", "prices", prices)).status == 202
    newer = prices | {"slots": _quarters(begin, ("30",), "price")}
    newest = await desk.lab.write(emt, "PUT", "prices", newer)
    (told,) = (await emt.ask("GET", "prices")).json["prices"]
    assert told["version"] == newest.json["transaction_id"]
    assert told["unit"] == "ct/kWh"
    assert [slot["price"] for slot in told["slots"]] == ["30"]


def _quarters(begin: Any, values: tuple[str, ...], name: str = "watts") -> list[Any]:
    step = timedelta(minutes=15)
    return [
        {
            "from": (begin + i * step).isoformat(),
            "until": (begin + (i + 1) * step).isoformat(),
            name: value,
        }
        for i, value in enumerate(values)
    ]


async def test_repetition(desk: Desk) -> None:
    """The same is the same; another content under the same id is refused; a new id may name the first."""
    emt = await desk.emt()
    headers = desk.lab.headers()
    first = await emt.ask("POST", "limits", LIMIT, headers)
    again = await emt.ask("POST", "limits", LIMIT, headers)
    assert (first.status, first.json) == (again.status, again.json)
    renamed = desk.lab.headers() | {"initialTransactionId": headers["transactionId"]}
    third = await emt.ask("POST", "limits", LIMIT, renamed)
    assert third.json == first.json
    other = await emt.ask("POST", "limits", LIMIT | {"watts": 5000}, headers)
    assert (other.status, other.code) == (409, "conflict")
    assert len([r for r in await desk.lab.bench.rows() if r["kind"] == "received"]) == 1


async def test_heartbeat(desk: Desk) -> None:
    """Any body will do, none as well; our clock stays ours."""
    emt, clock = await desk.emt(), desk.lab.bench.clock
    before = len(await desk.lab.bench.rows())
    answer = await emt.ask("POST", "heartbeat")
    assert (answer.status, answer.json["ahead_ms"]) == (200, None)
    body = {"time": clock.utc().isoformat(), "battery": "low"}
    assert (await emt.ask("POST", "heartbeat", body)).json["ahead_ms"] == 0
    wrong = await emt.ask("POST", "heartbeat", {"time": "2026-11-20T10:00:00"})
    assert wrong.code == "no_time_zone"
    # The first contact is a row, its repetitions are not.
    kinds = [row["kind"] for row in (await desk.lab.bench.rows())[before:]]
    assert kinds == ["contact_regained"]


async def test_every_request_is_a_sign_of_life(desk: Desk) -> None:
    """Before 120 s are over."""
    emt, bench = await desk.emt(), desk.lab.bench
    for _ in range(4):
        await emt.ask("GET", "")
        await bench.wait(100)
    assert bench.authority.picture.contacts["supplier"].present
    await bench.wait(100)
    assert not bench.authority.picture.contacts["supplier"].present


async def test_events_tell_all_that_concerns_it(desk: Desk) -> None:
    """In order, without a gap, to the receipt; nothing of others."""
    emt, other = await desk.emt(), await desk.emt("service")
    start = (await emt.ask("GET", "events")).json
    assert start["events"] == []
    await desk.lab.write(other, "POST", "limits", LIMIT)
    answer = await desk.lab.write(emt, "POST", "limits", LIMIT | {"watts": 5000})
    await desk.lab.write(emt, "POST", "limits/release", {"direction": "consumption"})
    told = (await emt.ask("GET", f"events?after={start['next']}")).json
    mine = answer.json["transaction_id"]
    kinds = [e["kind"] for e in told["events"] if e.get("transaction") == mine]
    assert kinds[0] == "received"
    assert kinds[-1] == "receipt"
    assert {e.get("participant", "supplier") for e in told["events"]} == {"supplier"}
    rows = await desk.lab.bench.rows()
    assert told["next"] == rows[-1]["seq"]
    assert all(event in rows for event in told["events"])
    assert (await emt.ask("GET", f"events?after={told['next']}")).json["events"] == []


async def test_events_in_pages(desk: Desk) -> None:
    """Two hundred at a time; following `next` loses none."""
    emt, bench = await desk.emt(), desk.lab.bench
    for _ in range(80):
        await bench.limit(4200, bench.authority.participants["supplier"])
    after, seqs, pages = 0, [], 0
    while True:
        told = (await emt.ask("GET", f"events?after={after}")).json
        if not told["events"]:
            break
        assert len(told["events"]) <= 200
        seqs += [event["seq"] for event in told["events"]]
        after, pages = told["next"], pages + 1
    assert pages > 1
    assert seqs == [row["seq"] for row in await bench.ledger.rows(0, 9999, "supplier")]


async def test_long_poll(desk: Desk) -> None:
    """It answers as soon as there is something."""
    emt, bench = await desk.emt(), desk.lab.bench
    after = (await emt.ask("GET", "events")).json["next"]
    emt.send("GET", f"events?after={after}&wait=50")
    await asyncio.sleep(0.05)
    await bench.limit(4200, bench.authority.participants["supplier"])
    told = await asyncio.wait_for(emt.answer(), 5)
    assert told.json["events"][0]["kind"] == "received"


async def test_long_poll_makes_way(desk: Desk) -> None:
    """A command behind it on the same stream does not wait for its end."""
    emt = await desk.emt()
    after = (await emt.ask("GET", "events")).json["next"]
    emt.send("GET", f"events?after={after}&wait=50")
    await asyncio.sleep(0.05)
    # h11 asks only after an answer; so the next request is written by hand.
    emt.writer.write(b"GET /cls/v1 HTTP/1.1\r\nHost: cls\r\n\r\n")
    told = await asyncio.wait_for(emt.answer(), 5)
    assert told.json == {"events": [], "next": after}
    await emt.close()


async def test_long_poll_is_overtaken(desk: Desk) -> None:
    """The same if both come together: the second is there before the first is looked at."""
    emt = await desk.emt()
    after = (await emt.ask("GET", "events")).json["next"]
    emt.send("GET", f"events?after={after}&wait=50")
    emt.writer.write(b"GET /cls/v1 HTTP/1.1\r\nHost: cls\r\n\r\n")
    told = await asyncio.wait_for(emt.answer(), 5)
    assert told.json == {"events": [], "next": after}
    await emt.close()


async def test_audit_can_be_checked(desk: Desk, tmp_path: Path, verifier: Any) -> None:
    """By the independent checker, with the head and a receipt."""
    emt = await desk.emt()
    answer = await desk.lab.write(emt, "POST", "limits", LIMIT)
    await desk.lab.write(emt, "POST", "release")
    told = await emt.ask("GET", answer.headers["location"])
    receipt = json.dumps(told.json["receipts"][0], separators=(",", ":"))
    # As it came: what we send is canonical already.
    assert receipt.encode() in told.body
    export, head = tmp_path / "export", tmp_path / "head"
    audit = await emt.ask("GET", "audit")
    assert audit.headers["content-type"].startswith("text/plain")
    export.write_bytes(audit.body)
    head.write_bytes((await emt.ask("GET", "audit/head")).body)
    key = (await emt.ask("GET", "")).json["ledger"]["key"]
    found = verifier.verify([export, head], key)
    assert "has it" in verifier.verify_receipt(found, receipt.encode())
    export.write_bytes(audit.body.replace(b"4200", b"4201"))
    with pytest.raises(verifier.Tampered):
        verifier.verify([export], key)


async def test_audit_of_a_span(desk: Desk) -> None:
    """A part of it; an end before the start is refused."""
    emt, clock = await desk.emt(), desk.lab.bench.clock
    await emt.ask("GET", "")
    at = clock.utc().isoformat().replace("+00:00", "Z")
    later = clock.utc().replace(year=clock.utc().year + 1).isoformat()
    later = later.replace("+00:00", "Z")
    whole = await emt.ask("GET", "audit")
    part = await emt.ask("GET", f"audit?from={at}&to={later}")
    assert len(part.body) <= len(whole.body)
    assert (await emt.ask("GET", f"audit?from={later}&to={at}")).code == "invalid_span"
    assert (await emt.ask("GET", "audit?from=today")).code == "invalid_time"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/states", 404, "not_found"),
        ("GET", "/auth/token", 404, "not_found"),
        ("GET", "/cls/v1/", 404, "not_found"),
        ("GET", "/cls/v1/../../api/states", 404, "not_found"),
        ("GET", "/cls/v1/items/..%2f..%2fapi", 404, "unknown_item"),
        ("GET", "/cls/v1/items/%ff", 404, "not_found"),
        ("GET", "http://homeassistant.local:8123/api/", 404, "not_found"),
        ("DELETE", "/cls/v1/limits", 405, "method_not_allowed"),
        ("HEAD", "/cls/v1", 405, None),
        ("OPTIONS", "/cls/v1", 405, "method_not_allowed"),
        ("GET", "/cls/v1/heartbeat", 405, "method_not_allowed"),
        ("GET", "/cls/v1/events?after=x", 422, "not_a_number"),
        ("GET", "/cls/v1/events?wait=51", 422, "number_out_of_range"),
        ("GET", "/cls/v1/events?token=1", 422, "unknown_field"),
        ("GET", "/cls/v1/commands/1", 422, "invalid_id"),
    ],
)
async def test_nothing_else_is_there(
    desk: Desk, method: str, path: str, status: int, code: str | None
) -> None:
    """No other path, no other method, and the host in the request means nothing."""
    emt = await desk.emt()
    answer = await emt.ask(method, path)
    assert answer.status == status
    if code is not None:
        assert answer.code == code
    if status == 405:
        assert "GET" in answer.headers["allow"] or "POST" in answer.headers["allow"]


async def test_an_unknown_participant(desk: Desk) -> None:
    """One whose grants were taken away while it was connected."""
    bench = desk.lab.bench
    emt = await desk.emt()
    await bench.authority.configure(bench.authority._house, [GRID])
    assert (await emt.ask("GET", "")).code == "unknown_participant"
    answer: Reply = await desk.lab.write(emt, "POST", "limits", LIMIT)
    assert answer.code == "unknown_participant"
