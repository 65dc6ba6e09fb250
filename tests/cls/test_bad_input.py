"""What is no command: a problem with a stable code, nothing done, one row in the ledger."""

import asyncio
from collections.abc import Callable
import json
import re
from typing import Any

import pytest

from custom_components.smgw.cls import api, rate

from .conftest import Desk
from .emt import Emt, Reply

LIMIT: dict[str, Any] = {
    "direction": "consumption",
    "kind": "contract",
    "watts": 4200,
    "duration_s": 3600,
}
SLOT = {"from": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:15:00Z"}


def _limit(**changes: Any) -> bytes:
    return json.dumps(LIMIT | changes).encode()


def _without(field: str) -> bytes:
    return json.dumps({k: v for k, v in LIMIT.items() if k != field}).encode()


def _item(value: Any, **more: Any) -> bytes:
    return json.dumps({"value": value, "duration_s": 60, **more}).encode()


def _slots(*slots: Any) -> bytes:
    body = {"direction": "consumption", "kind": "contract", "slots": slots}
    return json.dumps(body).encode()


BAD: list[tuple[str, str, bytes, int, str, str]] = [
    # no JSON, or not the JSON that was asked for
    ("POST", "limits", b"{", 400, "malformed", "body"),
    ("POST", "limits", b"", 400, "malformed", "body"),
    ("POST", "limits", b"[]", 400, "malformed", "body"),
    ("POST", "limits", b'"limit"', 400, "malformed", "body"),
    ("POST", "limits", b"\xff\xfe{}", 400, "malformed", "body"),
    ("POST", "limits", b"\xef\xbb\xbf" + _limit(), 400, "malformed", "body"),
    ("POST", "limits", b"[" * 60_000, 400, "malformed", "body"),
    ("POST", "limits", b'{"watts":1,"watts":2}', 400, "malformed", "body"),
    ("POST", "limits", _limit() + b"x", 400, "malformed", "body"),
    # fields
    ("POST", "limits", _without("direction"), 422, "missing_field", "limit.direction"),
    ("POST", "limits", _without("watts"), 422, "missing_field", "limit.watts"),
    ("POST", "limits", _without("duration_s"), 422, "missing_field", "until"),
    ("POST", "limits", _limit(until=None), 400, "malformed", "until"),
    ("POST", "limits", _limit(percent=50), 400, "malformed", "limit.watts"),
    ("POST", "limits", _limit(extra=1), 422, "unknown_field", "limit"),
    ("POST", "limits", _limit(transaction_id="x"), 422, "unknown_field", "limit"),
    ("POST", "limits", _limit(item="switch.boiler"), 422, "unknown_field", "limit"),
    ("POST", "limits", _limit(direction="up"), 400, "malformed", "limit.direction"),
    ("POST", "limits", _limit(direction=[]), 400, "malformed", "limit.direction"),
    ("POST", "limits", _limit(kind="own"), 403, "kind_not_allowed", "kind"),
    ("POST", "limits", _limit(kind="para14a"), 403, "kind_not_allowed", "kind"),
    ("POST", "limits", _limit(scope="roof"), 422, "unknown_scope", "limit.scope"),
    ("POST", "limits", _limit(scope="a b"), 422, "invalid_id", "limit.scope"),
    ("POST", "limits", _limit(scope="w\u0430llbox"), 422, "invalid_id", "limit.scope"),
    ("POST", "limits", _limit(scope="\ud800"), 422, "invalid_id", "limit.scope"),
    ("POST", "limits", _limit(kind="\ud800"), 400, "malformed", "limit.kind"),
    ("POST", "limits", b'{"\\ud800":1}', 422, "unknown_field", "limit"),
    ("POST", "limits/release", b"{}", 422, "missing_field", "release.direction"),
    ("POST", "limits/release", b'{"item":"a"}', 422, "unknown_field", "release"),
    ("POST", "release", b'{"direction":"consumption"}', 422, "unknown_field", "release"),
    ("POST", "release", b'{"until":null}', 422, "unknown_field", "release"),
    # numbers
    ("POST", "limits", _limit(watts="NaN"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", b'{"watts":NaN}', 422, "not_a_number", "body"),
    ("POST", "limits", b'{"watts":-Infinity}', 422, "not_a_number", "body"),
    ("POST", "limits", _limit(watts=True), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts="1e3"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts=" 4200"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts="٤٢٠٠"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts="4200 W"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts="4,2"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts=-1), 422, "number_out_of_range", "limit.watts"),
    ("POST", "limits", _limit(watts=10**8), 422, "number_out_of_range", "limit.watts"),
    ("POST", "limits", _limit(watts="9" * 100), 422, "number_out_of_range", "limit.watts"),
    ("POST", "limits", _limit(watts=10**50), 422, "number_out_of_range", "body"),
    ("POST", "limits", b'{"watts":' + b"9" * 50_000 + b"}", 422, "number_out_of_range", "body"),
    ("POST", "limits", b'{"watts":1e999999999}', 422, "number_out_of_range", "body"),
    ("POST", "limits", b'{"watts":1e-999999999999999999999}', 422, "number_out_of_range", "body"),
    ("POST", "limits", _limit(watts="0.0000001"), 422, "number_out_of_range", "limit.watts"),
    ("POST", "limits", _limit(watts=999), 422, "out_of_bounds", "limit.watts"),
    ("POST", "limits", _without("watts")[:-1] + b',"percent":50}', 422, "no_nominal_power", "limit.percent"),
    ("POST", "limits", _without("watts")[:-1] + b',"percent":101}', 422, "number_out_of_range", "limit.percent"),
    # times
    ("POST", "limits", _limit(**{"from": "2026-11-20T10:00:00"}), 422, "no_time_zone", "from"),
    ("POST", "limits", _limit(**{"from": "tomorrow"}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(**{"from": 1790000000}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(**{"from": "2026-02-30T10:00:00Z"}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(**{"from": "2026-11-20T10:00:00+99:00"}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(**{"from": "2099-11-20T10:00:00Z"}), 422, "too_far_ahead", "from"),
    ("POST", "limits", _limit(**{"from": "２０２６-11-20T10:00:00Z"}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(**{"from": "2026-11-20T23:59:60Z"}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(**{"from": "0001-01-01T00:00:00+14:00"}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(**{"from": "9999-12-31T23:59:59-14:00"}), 422, "invalid_time", "from"),
    ("POST", "limits", _limit(duration_s=1.5), 422, "not_a_number", "duration_s"),
    ("POST", "limits", _limit(duration_s=0), 422, "number_out_of_range", "duration_s"),
    ("POST", "limits", _limit(duration_s="60"), 422, "not_a_number", "duration_s"),
    ("POST", "limits", _limit(duration_s=10**6), 422, "too_long", "until"),
    ("POST", "limits", _without("duration_s")[:-1] + b',"until":null}', 422, "no_end", "until"),
    ("POST", "limits", _without("duration_s")[:-1] + b',"until":"2020-01-01T00:00:00Z"}', 422, "over", "until"),
    # values of items
    ("POST", "items/switch.boiler/commands", _item(1), 422, "wrong_kind", "item.value"),
    ("POST", "items/switch.boiler/commands", _item("on"), 422, "wrong_kind", "item.value"),
    ("POST", "items/switch.boiler/commands", _item(None), 422, "not_a_number", "item.value"),
    ("POST", "items/switch.boiler/commands", _item(True, id="x"), 422, "unknown_field", "item"),
    ("POST", "items/number.boiler/commands", _item("55"), 422, "wrong_unit", "item.unit"),
    ("POST", "items/number.boiler/commands", _item("55", unit="K"), 422, "wrong_unit", "item.unit"),
    ("POST", "items/number.boiler/commands", _item("55", unit="\u2103"), 422, "wrong_unit", "item.unit"),
    ("POST", "items/number.boiler/commands", _item("61", unit="°C"), 422, "out_of_bounds", "item.value"),
    ("POST", "items/number.boiler/commands", _item(True, unit="°C"), 422, "wrong_kind", "item.value"),
    ("POST", "items/select.boiler/commands", _item("turbo"), 422, "out_of_bounds", "item.value"),
    ("POST", "items/select.boiler/commands", _item("eco\u200b"), 422, "invalid_text", "item.value"),
    ("POST", "items/select.boiler/commands", _item("\u202eoce"), 422, "invalid_text", "item.value"),
    ("POST", "items/select.boiler/commands", _item("eco\x00"), 422, "invalid_text", "item.value"),
    ("POST", "items/select.boiler/commands", _item("e\u0301co"), 422, "invalid_text", "item.value"),
    ("POST", "items/select.boiler/commands", b'{"value":"\\ud800","duration_s":1}', 422, "invalid_text", "item.value"),
    ("POST", "items/select.boiler/commands", _item("x" * 121), 422, "too_large", "item.value"),
    ("POST", "items/sensor.boiler/commands", _item("on"), 403, "not_granted", "item.id"),
    ("POST", "items/switch.bo%C3%AFler/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", "items/%EF%BD%93witch.boiler/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", "items/%2e%2e%2fswitch.boiler/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", "items/switch.boiler%00/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", f"items/{'x' * 129}/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", "items/light.turn_on/commands", _item(True), 404, "unknown_item", "item.id"),
    # tables
    ("PUT", "schedules", _slots(), 400, "malformed", "schedule.slots"),
    ("PUT", "schedules", _slots(*[SLOT | {"watts": 1}] * 201), 422, "too_large", "schedule.slots"),
    ("PUT", "schedules", _slots(SLOT | {"price": 1}), 422, "unknown_field", "schedule.slots"),
    ("PUT", "schedules", _slots(*[SLOT | {"watts": 1}] * 2), 422, "invalid_span", "schedule.slots"),
    ("PUT", "schedules", _slots(SLOT | {"watts": 1, "until": SLOT["from"]}), 422, "invalid_span", "schedule.slots"),
    ("PUT", "prices", b'{"unit":"EUR/MWh","slots":[]}', 422, "wrong_unit", "prices.unit"),
    ("PUT", "failsafe", b'{"direction":"consumption"}', 422, "missing_field", "failsafe.watts"),
    ("PUT", "failsafe", b'{"direction":"consumption","watts":1}', 403, "not_granted", "failsafe"),
    # the same tricks where one expects them less
    ("POST", "limits", _limit(unit="kW"), 422, "unknown_field", "limit"),
    ("POST", "limits", _limit(watts="Infinity"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts="４２００"), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts=None), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(watts=[4200]), 422, "not_a_number", "limit.watts"),
    ("POST", "limits", _limit(scope="c\u043ennection"), 422, "invalid_id", "limit.scope"),
    ("POST", "limits", _limit(scope="connection\u200b"), 422, "invalid_id", "limit.scope"),
    ("POST", "limits", _limit(direction="c\u043ensumption"), 400, "malformed", "limit.direction"),
    ("POST", "limits", _limit(duration_s="NaN"), 422, "not_a_number", "duration_s"),
    ("POST", "limits", b'{"duration_s":NaN}', 422, "not_a_number", "body"),
    ("POST", "limits", _without("duration_s")[:-1] + b',"until":"2099-01-01T00:00:00"}', 422, "no_time_zone", "until"),
    ("POST", "items/number.boiler/commands", _item("NaN", unit="°C"), 422, "not_a_number", "item.value"),
    ("POST", "items/number.boiler/commands", _item("-Infinity", unit="°C"), 422, "not_a_number", "item.value"),
    ("POST", "items/number.boiler/commands", _item(10**40, unit="°C"), 422, "number_out_of_range", "body"),
    ("POST", "items/number.boiler/commands", _item("55", unit="\u00baC"), 422, "wrong_unit", "item.unit"),
    ("POST", "items/number.boiler/commands", _item("131", unit="°F"), 422, "wrong_unit", "item.unit"),
    ("POST", "items/sw%D1%96tch.boiler/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", "items/switch.boiler%00/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", "items/switch.boiler%E2%80%8B/commands", _item(True), 422, "invalid_id", "item.id"),
    ("POST", "items/SWITCH.BOILER/commands", _item(True), 404, "unknown_item", "item.id"),
    ("PUT", "schedules", _slots(SLOT | {"watts": 1, "from": "2026-11-20T10:00:00"}), 422, "no_time_zone", "schedule.slots.from"),
    ("PUT", "schedules", _slots(SLOT | {"watts": "NaN"}), 422, "not_a_number", "schedule.slots.watts"),
    ("PUT", "prices", b'{"unit":"EUR/kWh","slots":[{"from":"2026-11-20T10:00:00","until":"2026-11-20T10:15:00Z","price":"0.3"}]}', 422, "no_time_zone", "prices.slots.from"),
    ("PUT", "prices", b'{"unit":"EUR/kWh","slots":[{"from":"2026-11-20T10:00:00Z","until":"2026-11-20T10:15:00Z","price":NaN}]}', 422, "not_a_number", "body"),
    ("PUT", "prices", b'{"unit":"EUR/kWh","slots":[{"from":"2026-11-20T10:00:00Z","until":"2026-11-20T10:15:00Z","price":1e12}]}', 422, "number_out_of_range", "prices.slots.price"),
    # others' commands
    ("POST", "commands/1/release", b"{}", 422, "invalid_id", "release.transaction_id"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case[1]}-{case[4]}")
async def test_bad_input(desk: Desk, case: Any) -> None:
    """One problem, one row, nothing else."""
    method, path, raw, status, code, where = case
    emt = await desk.emt()
    headers = desk.lab.headers()
    await emt.ask("GET", "")
    before = await desk.lab.bench.rows()
    answer = await emt.ask(method, path, None, headers, raw)
    problem = answer.json
    assert (answer.status, answer.code) == (status, code)
    assert problem["where"] == where
    assert problem["transaction_id"] == headers["transactionId"]
    rows = (await desk.lab.bench.rows())[len(before) :]
    refused = [row for row in rows if row["kind"] != "receipt"]
    assert [row["kind"] for row in refused] == ["refused"]
    assert refused[0]["data"]["verdict"] == code
    assert refused[0]["data"]["where"] == where
    assert refused[0]["data"]["origin"]["door"] == "cls"
    assert refused[0]["transaction"] == headers["transactionId"]
    assert desk.lab.bench.home.writes == []
    # And the stream goes on.
    assert (await emt.ask("GET", "")).status == 200


async def _one_row(desk: Desk) -> Any:
    """Return the only row about a refusal; nothing was done, and nothing is to be done."""
    bench = desk.lab.bench
    await bench.settle()
    rows = await bench.rows()
    kinds = [row["kind"] for row in rows]
    assert not {"received", "intent", "outcome"} & set(kinds)
    # What could be judged has a receipt: for this refusal, and of nothing else.
    assert kinds.count("receipt") <= 1
    receipts = [row["data"]["receipt"] for row in rows if row["kind"] == "receipt"]
    assert {receipt["state"] for receipt in receipts} <= {"rejected"}
    (row,) = (row for row in rows if row["kind"] == "refused")
    assert row["participant"] == "supplier"
    assert row["data"]["origin"]["door"] == "cls"
    assert bench.home.writes == []
    assert bench.authority.picture.limits == {}
    assert bench.authority.picture.items == {}
    return row


def _drop(name: str) -> Callable[[dict[str, str]], None]:
    return lambda headers: headers.pop(name)


def _set(name: str, value: str) -> Callable[[dict[str, str]], None]:
    return lambda headers: headers.update({name: value})


@pytest.mark.parametrize(
    ("change", "status", "code", "where"),
    [
        (_drop("transactionId"), 422, "missing_field", "transactionId"),
        (_drop("creationDateTime"), 422, "missing_field", "creationDateTime"),
        (_set("transactionId", "1"), 422, "invalid_id", "transaction_id"),
        (_set("transactionId", "-" * 36), 422, "invalid_id", "transaction_id"),
        (_set("initialTransactionId", "1"), 422, "invalid_id", "initial_id"),
        (_set("creationDateTime", "now"), 422, "invalid_time", "created"),
        (_set("creationDateTime", "2026-11-20T10:00:00"), 422, "no_time_zone", "created"),
        (_set("creationDateTime", "2020-01-01T00:00:00Z"), 422, "stale", "created"),
        (_set("creationDateTime", "2090-01-01T00:00:00Z"), 422, "from_the_future", "created"),
        (_set("Content-Type", "text/plain"), 415, "unsupported_media_type", "body"),
        (_set("Content-Type", "application/json; charset=latin-1"), 415, "unsupported_media_type", "body"),
        (_set("Content-Encoding", "gzip"), 415, "unsupported_media_type", "body"),
        (_set("DIGEST", "AAAA"), 401, "bad_digest", "DIGEST"),
        (_set("DIGEST", "x" * 601), 422, "too_large", "DIGEST"),
        (_set("SIGNATURE", "x" * 601), 422, "too_large", "SIGNATURE"),
    ],
)  # fmt: skip
async def test_bad_headers(
    desk: Desk,
    change: Callable[[dict[str, str]], None],
    status: int,
    code: str,
    where: str,
) -> None:
    """The same for the headers of a write."""
    emt = await desk.emt()
    headers = desk.lab.headers()
    change(headers)
    answer = await emt.ask("POST", "limits", LIMIT, headers)
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["where"] == where
    told = answer.json.get("transaction_id")
    row = await _one_row(desk)
    assert row["data"]["where"] == where
    assert row.get("transaction") == told
    # An answer names a command that has a name.
    assert (told is None) == (
        where in ("transactionId", "transaction_id", "initial_id")
    )


_PAUSE = b"<pause>"


async def _raw(emt: Emt, data: bytes) -> Reply:
    """Send what h11 would not."""
    emt.send("GET", "")
    emt.writer.transport.set_write_buffer_limits(0)
    await emt.answer()
    emt.send("GET", "")
    await emt.answer()
    for piece in data.split(_PAUSE):
        emt.writer.write(piece)
        await asyncio.sleep(0.05)
    head = await asyncio.wait_for(emt.reader.readuntil(b"\r\n\r\n"), 10)
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    body = await emt.reader.readexactly(int(headers["content-length"]))
    return Reply(int(status.split()[1]), headers, body)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "bad_request"),
        (b"GET /cls/v1\r\n\r\n", 400, "bad_request"),
        (b"GET /cls/v1 HTTP/1.1\r\nHost cls\r\n\r\n", 400, "bad_request"),
        (b"GET /cls/v1 HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "bad_request"),
        (
            b"GET /cls/v1 HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
            431,
            "headers_too_large",
        ),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 431, "headers_too_large"),
        (
            b"GET /cls/v1 HTTP/1.1\r\n" + b"X: 1\r\n" * 101 + b"\r\n",
            431,
            "headers_too_large",
        ),
    ],
    ids=["tls", "old", "header", "length", "long", "path", "many"],
)
async def test_no_http(desk: Desk, data: bytes, status: int, code: str) -> None:
    """A problem, and the end: nothing can be read after it."""
    emt = await desk.emt()
    answer = await _raw(emt, data)
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["where"] == "header"
    assert answer.headers.get("connection", "close") == "close"
    assert await emt.reader.read() == b""
    row = await _one_row(desk)
    assert row["data"]["verdict"] == "malformed"


async def test_much_that_is_no_http(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only fills the disk is no row: the rate counts here as well, over all connections."""
    monkeypatch.setattr(rate, "PER_SECOND", 1e-6)
    for _ in range(25):
        emt = await desk.emt()
        emt.writer.write(b"\x16\x03\x01\x02\r\n\r\n")
        assert (await emt.reader.read()).startswith(b"HTTP/1.0 400")
    assert len(await desk.lab.refusals()) == 20


def _request(desk: Desk, more: bytes) -> bytes:
    headers = desk.lab.headers() | {"Host": "cls", "Content-Type": "application/json"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"POST /cls/v1/limits HTTP/1.1\r\n" + lines.encode() + more


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        (b"Content-Length: 70000\r\n\r\n", 413, "too_large"),
        (
            b"Transfer-Encoding: chunked\r\n\r\n11000\r\n" + b" " * 0x11000 + b"\r\n",
            413,
            "too_large",
        ),
        (b"Content-Length: 5\r\n\r\n{", 408, "request_timeout"),
        # Cut off in the middle of the body: what is to come never comes.
        (
            b"Transfer-Encoding: chunked\r\n\r\n" + _PAUSE + b"ZZ\r\n",
            408,
            "request_timeout",
        ),
        (
            b"creationDateTime: 2026-11-20T10:00:00Z\r\nContent-Length: 2\r\n\r\n{}",
            400,
            "malformed",
        ),
        (b"DIGEST: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}", 401, "bad_digest"),
        (b"SIGNATURE: A\xff=\r\nContent-Length: 2\r\n\r\n{}", 401, "bad_signature"),
    ],
    ids=["length", "chunked", "slow", "broken", "twice", "digest", "signature"],
)
async def test_bodies(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    more: bytes,
    status: int,
    code: str,
) -> None:
    """Too large, told or not; too slow; broken off; a header twice, or in no alphabet."""
    monkeypatch.setattr(api, "BODY_SECONDS", 0.2)
    emt = await desk.emt()
    answer = await _raw(emt, _request(desk, more))
    assert (answer.status, answer.code) == (status, code)
    row = await _one_row(desk)
    assert row["data"]["where"] == answer.json["where"]
    header = ("creationDateTime", "DIGEST", "SIGNATURE")
    assert row["data"]["where"] in ("body", *header)
    assert row["transaction"] == answer.json["transaction_id"]


async def test_a_body_that_nobody_asked_for(desk: Desk) -> None:
    """Of a question it is left unread, as long as it is not too large; the document knows that answer."""
    emt = await desk.emt()
    assert (await emt.ask("GET", "items", raw=b"[1")).status == 200
    answer = await emt.ask("GET", "items", raw=b"x" * 70_000)
    assert (answer.status, answer.code) == (413, "too_large")


async def test_expect(desk: Desk) -> None:
    """A client that asks first, as some do with larger bodies, is told to go on."""
    emt = await desk.emt()
    body = json.dumps(LIMIT).encode()
    more = f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    emt.writer.write(_request(desk, more.encode()))
    head = await asyncio.wait_for(emt.reader.readuntil(b"\r\n\r\n"), 5)
    assert head == b"HTTP/1.1 100 Continue\r\n\r\n"
    emt.writer.write(body)
    head = await asyncio.wait_for(emt.reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 202")


async def test_too_many_requests(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of twenty, then ten a second; over all connections. Refused ones are no row and no sign of life."""
    first, second = await desk.emt(), await desk.emt()
    found = []
    with monkeypatch.context() as patch:
        # However long the burst takes.
        patch.setattr(rate, "PER_SECOND", 1e-6)
        for _ in range(20):
            found += [await first.ask("GET", ""), await second.ask("GET", "")]
    limited = [answer for answer in found if answer.status == 429]
    assert len(limited) == 20
    assert limited[0].code == "too_many_requests"
    assert int(limited[0].headers["retry-after"]) >= 1
    await asyncio.sleep(0.3)
    assert (await first.ask("GET", "")).status == 200
    assert await desk.lab.refusals() == []


async def test_a_flood_holds_nobody_up(desk: Desk) -> None:
    """Who does not wait for answers is made to: another participant is served in between."""
    flood, other = await desk.emt(), await desk.emt("service")
    many, answered = 500, 0

    async def read() -> None:
        nonlocal answered
        while True:
            head = await flood.reader.readuntil(b"\r\n\r\n")
            (length,) = re.findall(rb"(?i)content-length: (\d+)", head)
            await flood.reader.readexactly(int(length))
            answered += 1

    flood.writer.write(b"GET /cls/v1 HTTP/1.1\r\nHost: cls\r\n\r\n" * many)
    reading = asyncio.create_task(read())
    while answered < 30:
        await asyncio.sleep(0)
    assert (await other.ask("GET", "")).status == 200
    assert answered < many / 2
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def test_too_many_writes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty a minute, good or bad; reading goes on."""
    monkeypatch.setattr(rate, "PER_SECOND", 10_000.0)
    emt = await desk.emt()
    codes = [(await desk.lab.write(emt, "POST", "limits", {})).code for _ in range(62)]
    assert codes[:60] == ["missing_field"] * 60
    assert codes[60:] == ["too_many_requests"] * 2
    assert (await emt.ask("GET", "")).status == 200
    assert len(await desk.lab.refusals()) == 60


async def test_ledger_unavailable(desk: Desk) -> None:
    """What cannot be written down is not done."""
    emt = await desk.emt()
    await emt.ask("GET", "")
    await desk.lab.bench.authority.close()
    answer = await desk.lab.write(emt, "POST", "limits", LIMIT)
    assert (answer.status, answer.code) == (503, "closed")
    assert answer.headers["retry-after"] == "30"
    await desk.lab.bench.ledger.close()
    assert (await emt.ask("GET", "commands/" + "0" * 8)).code == "invalid_id"
    assert (await emt.ask("GET", "audit")).code == "ledger_unavailable"
    answer = await desk.lab.write(emt, "POST", "limits", {})
    assert answer.code == "missing_field"
