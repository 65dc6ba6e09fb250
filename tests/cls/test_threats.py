"""Threats that no other test is about; and the page that names a test for each of them."""

import ast
import asyncio
from functools import cache
import json
from pathlib import Path
import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
import pytest

from custom_components.smgw.cls import openapi, shapes
from custom_components.smgw.cls.model import ChannelPhase
from custom_components.smgw.control.settings import House
from tests.control.house import SERVICE, SUPERVISED, SUPPLIER

from .conftest import Desk, Lab
from .emt import Emt
from .test_api import LIMIT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cls-threats.md").read_text("utf-8")
THREATS = 17
"""Rows of the reference's list."""
BOILER = "items/switch.boiler/commands"


@cache
def _tests(file: Path) -> set[str]:
    """Return the names of a module's tests."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_each_test_on_the_page_exists() -> None:
    """And each threat has at least one."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == THREATS
    for row in rows:
        assert re.search(r"`tests/\S+::test_\w+`", row.rpartition(" | ")[2]), row
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) == PAGE.count("::")
    for file, name in named:
        assert name in _tests(ROOT / file), f"{file}::{name}"


async def test_replayed_when_it_is_over(desk: Desk) -> None:
    """Byte for byte, when it has long ended: the same answer, and nothing is done."""
    emt, bench = await desk.emt(), desk.lab.bench
    headers = desk.lab.headers()
    body = {"value": True, "duration_s": 60}
    first = await emt.ask("POST", BOILER, body, headers)
    await bench.settle()
    await bench.wait(3600)
    assert bench.home.values["switch.boiler"] is False
    writes, rows = len(bench.home.writes), len(await bench.rows())
    again = await (await desk.emt()).ask("POST", BOILER, body, headers)
    await bench.settle()
    assert (again.status, again.json) == (first.status, first.json)
    assert bench.home.values["switch.boiler"] is False
    assert len(bench.home.writes) == writes
    assert {row["kind"] for row in (await bench.rows())[rows:]} <= {"contact_regained"}


async def test_replayed_at_once(desk: Desk) -> None:
    """By as many connections as there may be, at the same moment: done once, and all are told the same."""
    emts, bench = [await desk.emt() for _ in range(4)], desk.lab.bench
    headers, body = desk.lab.headers(), {"value": True, "duration_s": 60}
    told = await asyncio.gather(*(e.ask("POST", BOILER, body, headers) for e in emts))
    await bench.settle()
    assert {answer.status for answer in told} == {202}
    assert len({answer.body for answer in told}) == 1
    assert len(bench.home.writes) == 1
    kinds = await bench.kinds()
    assert (kinds.count("received"), kinds.count("intent")) == (1, 1)
    # And one id stands for one command, whichever of two comes first.
    headers = desk.lab.headers()
    orders = [LIMIT | {"watts": watts} for watts in (3000, 4000, 5000, 6000)]
    asked = zip(emts, orders, strict=True)
    told = await asyncio.gather(
        *(e.ask("POST", "limits", o, headers) for e, o in asked)
    )
    taken = [o for o, answer in zip(orders, told, strict=True) if answer.status == 202]
    assert [answer.code for answer in told if answer.status != 202] == ["conflict"] * 3
    assert [bench.home.limit()] == [order["watts"] for order in taken]


async def test_replayed_by_another(desk: Desk) -> None:
    """What was overheard is worth nothing in another's tunnel: its own grants count, and its own key."""
    emt, bench = await desk.emt(), desk.lab.bench
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    headers = desk.lab.headers() | {"SIGNATURE": "AAAA"}
    body = {"value": True, "duration_s": 60}
    assert (await emt.ask("POST", BOILER, body, headers)).status == 202
    await bench.settle()
    grid = await desk.emt("service", message_key=pem)
    told = await grid.ask("POST", BOILER, body, headers)
    assert (told.status, told.code) == (401, "bad_signature")
    plain = await desk.emt("service")
    # Without a key it is simply a command of its own, and the item is held already.
    told = await plain.ask("POST", BOILER, body, headers)
    assert (told.status, told.code) == (409, "held")
    assert len(bench.home.writes) == 1


async def test_reordered(desk: Desk) -> None:
    """What arrives last counts; when each was made stands in the ledger."""
    emt, bench = await desk.emt(), desk.lab.bench
    early, late = desk.lab.headers(age=100), desk.lab.headers()
    assert (await emt.ask("POST", "limits", LIMIT, late)).status == 202
    first = LIMIT | {"watts": 3000}
    assert (await emt.ask("POST", "limits", first, early)).status == 202
    assert bench.home.limit() == 3000
    made = [
        row["data"]["command"]["created"]
        for row in await bench.rows()
        if row["kind"] == "received"
    ]
    assert len(made) == 2
    assert made[0] > made[1]


async def _raw(emt: Emt, data: bytes) -> bytes:
    emt.writer.write(data)
    return await asyncio.wait_for(emt.reader.read(65536), 10)


@pytest.mark.parametrize(
    "data",
    [
        b"\x05\x01\x00",
        b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x1f\xbb",
        b"\x04\x01\x1f\xbb\x7f\x00\x00\x01\x00",
        b"CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n",
        b"GET http://{0}/api/ HTTP/1.1\r\nHost: {0}\r\n\r\n",
        b"GET /cls/v1 HTTP/1.1\r\nHost: {0}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["socks5", "socks5-connect", "socks4", "connect", "absolute", "upgrade", "h2"],
)
async def test_no_pivot(desk: Desk, data: bytes) -> None:
    """Nobody behind us can be reached, whatever is asked: an EMT is served, and nothing is dialled for it."""
    called = asyncio.Event()

    async def serve(_: Any, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    emt = await desk.emt()
    place = f"{host}:{port}".encode()
    packed = data.replace(b"\x1f\xbb", port.to_bytes(2)).replace(b"{0}", place)
    if packed[0] in (4, 5):
        # No line ends in it: what follows shows that it was no HTTP.
        packed += b"\r\n\r\n"
    answer = await _raw(emt, packed)
    status = answer.split(b" ", 2)[1]
    assert status == (b"200" if b"Upgrade" in data else status)
    assert status in (b"200", b"400", b"404", b"405")
    assert b"HTTP/1.1 101" not in answer
    await asyncio.sleep(0.05)
    assert not called.is_set()
    assert desk.lab.bench.home.writes == []
    server.close()


async def test_silence_is_noticed_without_any_tunnel(lab: Lab) -> None:
    """The authority's own clock counts: no tunnel, no event, and the failsafe limit applies all the same."""
    bench = lab.bench
    await bench.authority.configure(House(), (SUPERVISED, SUPPLIER, SERVICE))
    gateway = await lab.gateway()
    await lab.room.configure([lab.out(gateway, participant_id="grid")])
    emt = await gateway.emt()
    await lab.phase(ChannelPhase.UP)
    limit = LIMIT | {"kind": "para14a", "watts": 9000, "duration_s": 60}
    assert (await lab.write(emt, "POST", "limits", limit)).status == 202
    assert bench.home.limit() == 9000
    await lab.room.close()
    await bench.wait(100)
    assert bench.home.limit() is None
    await bench.wait(30)
    assert bench.home.limit() == 4200
    assert "contact_lost" in await bench.kinds()


@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_false_is_claimed(language: str) -> None:
    """Where somebody adds a participant or a switch, reviews it, or reads about it."""
    folder = ROOT / "custom_components" / "smgw" / "translations"
    texts = json.loads((folder / f"{language}.json").read_text("utf-8"))
    participant = texts["config_subentries"]["participant"]["step"]
    switch = texts["config_subentries"]["switch"]["step"]
    gateway, laboratory = texts["config"]["step"], texts["options"]["step"]
    readme = ROOT / ("README.md" if language == "en" else "README.de.md")
    # Receipts are spoken of where somebody looks at the whole.
    whole = [participant["review"]["description"], readme.read_text("utf-8")]
    told = [*whole, participant["who"]["description"], switch["user"]["description"]]
    told += [gateway[step]["description"] for step in ("cls_only", "unreached")]
    told.append(laboratory["laboratory"]["description"])
    english = language == "en"
    if english:
        notice = openapi.document("1")["info"]["description"]
        assert notice == shapes.NOTICE
        whole += [notice, (ROOT / "docs" / "cls-api.md").read_text("utf-8")]
        told += whole
    consent, seal, records = (
        ("needs the metering operator's consent", "ever break a seal", "cal records")
        if english
        else ("die Zustimmung des Messstellenb", "Plombe", "technische Aufzeichnungen")
    )
    for text in told:
        for name in ("TR-03109-5", "14a EnWG", "9 EEG", consent, seal):
            assert name in text.replace("**", ""), text[:80]
    for text in whole:
        assert records in text
        assert ("a calibrated mea" if english else "keine geeichte Messung") in text
    assert "03109-5" in (ROOT / "info.md").read_text("utf-8")
    for text in re.findall(r"[^.]*(?:certified|zertifiziert)[^.]*", " ".join(told)):
        assert re.search(r"\b(?:no|not|kein\w*|nicht|un\w+)\b", text), text
