"""A command, and its answer, cut off after each byte: asked again, it is done once, and told in one way."""

import asyncio
import socket
import struct
from typing import Any

import pytest

from custom_components.smgw.cls import api, rate

from .conftest import Desk
from .emt import Emt, Reply, write_headers

BOILER = "items/switch.boiler/commands"
NOW = struct.pack("ii", 1, 0)
"""Linger for no time: the end is a reset."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """More is asked here in a second than a participant may in an hour."""
    monkeypatch.setattr(rate, "PER_SECOND", 1e6)
    monkeypatch.setattr(rate, "WRITES", 1e6)


async def _connect(desk: Desk) -> Emt:
    """Return another connection to a door that is open."""
    host, port = desk.servers[0].sockets[0].getsockname()
    return Emt(*await asyncio.open_connection(host, port))


def _reset(emt: Emt) -> None:
    sock = emt.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
    emt.writer.transport.abort()


class Pairs:
    """Commands that are sent twice, by two connections; and what is left of each."""

    def __init__(self, desk: Desk) -> None:
        """Count from nothing."""
        self.desk = desk
        self.told: dict[str, Any] = {}

    def next(self) -> tuple[bytes, dict[str, str], dict[str, Any]]:
        """Return a command that changes something: its bytes, its headers, its body."""
        bench = self.desk.lab.bench
        headers = write_headers(bench.clock.utc())
        body = {"value": not bench.home.values["switch.boiler"], "duration_s": 3600}
        made: list[bytes] = []
        silent: Any = type("", (), {"write": lambda _, data: made.append(data)})()
        Emt(asyncio.StreamReader(), silent).send("POST", BOILER, body, headers)
        return made[0], headers, body

    async def again(self, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        """Send it once more, whole; it is taken, and done."""
        emt = await _connect(self.desk)
        answer = await emt.ask("POST", BOILER, body, headers)
        emt.writer.transport.abort()
        assert (answer.status, answer.json["verdict"]) == (202, "possible")
        await self.desk.lab.bench.settle()
        assert self.desk.lab.bench.home.values["switch.boiler"] is body["value"]
        self.told[headers["transactionId"]] = answer.json
        return answer

    async def judge(self) -> None:
        """Each was done once, has one receipt, and is told as it was told; nothing else was written down."""
        emt, bench = await self.desk.emt(), self.desk.lab.bench
        done = [because.transaction_id for *_, because in bench.home.writes]
        assert done == list(self.told)
        assert (await self.desk.lab.write(emt, "POST", "release")).status == 202
        for transaction, told in self.told.items():
            known = (await emt.ask("GET", f"commands/{transaction}")).json
            assert known["verdict"] == told["verdict"]
            assert len(known["receipts"]) == 1
        rows = await bench.rows()
        for kind in ("received", "receipt"):
            about = [row["transaction"] for row in rows if row["kind"] == kind]
            assert {name: about.count(name) for name in self.told} == dict.fromkeys(
                self.told, 1
            )
        assert "refused" not in {row["kind"] for row in rows}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("end", ["reset", "fin"])
async def test_request_cut_after_each_byte(desk: Desk, end: str) -> None:
    """However much of it has come: half a command is none, and does not stand in the way of the whole one."""
    await desk.emt()
    pairs = Pairs(desk)
    whole, *_ = pairs.next()
    # Both look alike to us but at the ends of lines: one of them byte by byte is enough.
    for count in range(0, len(whole) + 1, 1 if end == "reset" else 5):
        data, headers, body = pairs.next()
        emt = await _connect(desk)
        emt.writer.write(data[:count])
        if end == "reset":
            _reset(emt)
        else:
            emt.writer.write_eof()
            await emt.reader.read()
            emt.writer.transport.abort()
        if count < len(data):
            writes = len(desk.lab.bench.home.writes)
            await pairs.again(headers, body)
            assert len(desk.lab.bench.home.writes) == writes + 1
        else:
            await pairs.again(headers, body)
    assert len(pairs.told) > len(whole) // 5
    await pairs.judge()


@pytest.mark.usefixtures("hurried")
async def test_answer_cut_after_each_byte(desk: Desk) -> None:
    """However much of the answer has arrived: the same one comes again."""
    await desk.emt()
    pairs = Pairs(desk)
    count = 0
    while True:
        data, headers, body = pairs.next()
        emt = await _connect(desk)
        emt.writer.write(data)
        head = await emt.reader.readexactly(count)
        _reset(emt)
        answer = await pairs.again(headers, body)
        if head.endswith(answer.body):
            break
        count += 1
    assert count > 200
    await pairs.judge()


@pytest.mark.usefixtures("hurried")
async def test_slow_and_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that did not come in time is refused; the same command, whole, is still a command."""
    monkeypatch.setattr(api, "BODY_SECONDS", 0.1)
    emt = await desk.emt()
    data, headers, body = Pairs(desk).next()
    emt.writer.write(data[:-3])
    assert (await asyncio.wait_for(emt.reader.read(65536), 10)).startswith(
        b"HTTP/1.1 408"
    )
    again = await (await desk.emt()).ask("POST", BOILER, body, headers)
    assert (again.status, again.json["verdict"]) == (202, "possible")
