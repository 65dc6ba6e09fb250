"""Days under one limit, with a gateway that ends each session in the middle of a command; in simulated time."""

import asyncio
from decimal import Decimal
from uuid import uuid4

import pytest

from custom_components.smgw.cls import session
from custom_components.smgw.cls.model import ChannelPhase
from tests.cls.conftest import FakeTimer, MakeLab, make_lab
from tests.cls.emt import write_headers

from .promises import Broken, whose

__all__ = ["make_lab"]
HOUR = 3600
BODY = b'{"direction":"consumption","kind":"para14a","watts":4200,"until":null}'
LIMIT = Decimal(4200)


async def test_sessions_cut_in_the_middle_of_a_command(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next limit is half sent, or sent and not answered: taken once, and not a minute is unlimited."""
    monkeypatch.setattr(session, "SILENCE", 1e9)
    monkeypatch.setattr(session, "_LOOK", HOUR)
    timer = FakeTimer()
    lab = await make_lab(timer=timer, chance=0.0)
    gateway, broken = await lab.gateway(), Broken()
    await lab.room.configure([lab.out(gateway, participant_id="grid")])
    emt = await gateway.emt()
    sent = []

    async def pass_by(seconds: int) -> None:
        for _ in range(0, seconds, HOUR // 2):
            await lab.bench.wait(HOUR // 2)
            await timer.move(HOUR // 2)
            await lab.bench.authority.contact("grid")
            when = str(lab.bench.clock.utc())
            broken.shown(when, lab.bench.home.limit(), LIMIT)

    for cut in (20, len(BODY) - 1, len(BODY), len(BODY)):
        headers = write_headers(lab.bench.clock.utc(), str(uuid4()))
        emt.writer.write(_request(headers) + BODY[:cut])
        await emt.writer.drain()
        await asyncio.sleep(0.05)
        gateway.cut()
        await lab.phase(ChannelPhase.WAITING)
        await timer.move(60)
        emt = await gateway.emt()
        answer = await emt.ask("POST", "limits", None, headers, BODY)
        assert (answer.status, answer.json["verdict"]) == (202, "possible")
        sent.append(headers["transactionId"])
        # Soon after we would renew it ourselves; and do, once we have learnt how long it lasts here.
        await pass_by(47 * HOUR)
        await lab.phase(ChannelPhase.UP)
        while not gateway.streams.empty():
            emt = await gateway.emt()
    assert (await emt.ask("POST", "release", None, lab.headers())).status == 202
    for transaction in sent:
        told = (await emt.ask("GET", f"commands/{transaction}")).json
        if len(told["receipts"]) != 1:
            broken.lost.append(transaction)
    kinds = await lab.bench.kinds()
    assert kinds.count("intent") == len(sent)
    broken.carried(whose(because) for *_, because in lab.bench.home.writes)
    broken.judge()


def _request(headers: dict[str, str]) -> bytes:
    """Return the head of a command."""
    lines = {**headers, "Host": "cls", "Content-Type": "application/json"}
    lines["Content-Length"] = str(len(BODY))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /cls/v1/limits HTTP/1.1\r\n{text}\r\n".encode()
