"""What time brings: pauses that grow, sessions that are renewed, silence that is noticed. In simulated time."""

import asyncio
from typing import Any

import pytest

from custom_components.smgw.cls import backoff, session
from custom_components.smgw.cls.backoff import (
    FIRST,
    LONGEST,
    RENEW,
    STABLE,
    BackOff,
    Lifetime,
)
from custom_components.smgw.cls.model import ChannelPhase
from custom_components.smgw.cls.reasons import ChannelReason as Reason
from custom_components.smgw.cls.session import GRACE, HEADER_SECONDS, SILENCE

from .conftest import FakeTimer, Lab, MakeLab
from .emt import Emt
from .world import identity

HOUR = 3600


def test_pauses_grow_and_are_spread() -> None:
    """5 s, doubled up to a quarter hour, a fifth more or less."""
    low, mean, high = (BackOff(lambda c=c: c) for c in (0.0, 0.5, 1.0))
    expected = [min(FIRST * 2**i, LONGEST) for i in range(12)]
    assert [mean.pause() for _ in expected] == expected
    assert [low.pause() for _ in expected] == [0.8 * e for e in expected]
    assert [high.pause() for _ in expected] == [1.2 * e for e in expected]
    mean.lasted(STABLE - 1)
    assert mean.pause() == LONGEST
    mean.lasted(STABLE)
    assert mean.pause() == FIRST


def test_a_shorter_life_is_learnt() -> None:
    """From two sessions that the gateway has ended at the same age; not from chance."""
    life = Lifetime(lambda: 0.0)
    assert life.planned() == RENEW
    for age in (100, 5000, 9000):
        life.cut(age)
    assert life.planned() == RENEW
    life.cut(6 * HOUR)
    life.cut(6 * HOUR + 2)
    assert 5.7 * HOUR < life.planned() < 6 * HOUR


async def _up(make_lab: MakeLab, **more: Any) -> tuple[Lab, FakeTimer, Any, Emt]:
    timer = FakeTimer()
    lab = await make_lab(timer=timer, **more)
    gateway = await lab.gateway()
    await lab.room.configure([lab.out(gateway)])
    emt = await gateway.emt()
    await lab.phase(ChannelPhase.UP)
    return lab, timer, gateway, emt


async def test_dialled_again_after_a_pause(make_lab: MakeLab) -> None:
    """Not before; and the next pause is longer, unless it held."""
    lab, timer, gateway, emt = await _up(make_lab)
    await emt.close()
    state = await lab.phase(ChannelPhase.WAITING)
    assert state.reason is Reason.CLOSED_BY_PEER
    await timer.move(FIRST - 0.1)
    assert gateway.dialled == 1
    await timer.move(0.2)
    emt = await gateway.emt()
    await lab.phase(ChannelPhase.UP)
    await emt.close()
    await lab.phase(ChannelPhase.WAITING)
    await timer.move(FIRST + 0.1)
    assert gateway.dialled == 2
    await timer.move(FIRST)
    emt = await gateway.emt()
    await lab.phase(ChannelPhase.UP)
    for _ in range(int(STABLE) // 60 + 1):
        await timer.move(60)
        await emt.ask("GET", "")
    await emt.close()
    await lab.phase(ChannelPhase.WAITING)
    await timer.move(FIRST + 0.1)
    await gateway.emt()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let sessions be renewed after an hour."""
    monkeypatch.setattr(backoff, "RENEW", 3600.0)
    return 3600.0


async def _heartbeats(timer: FakeTimer, emt: Emt, seconds: float) -> None:
    """Ask now and then, as every participant does, for some time."""
    until = timer.seconds + seconds
    while timer.seconds < until:
        await timer.move(min(150, until - timer.seconds))
        assert (await emt.ask("POST", "heartbeat")).status == 200


async def test_not_before_47_hours(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole length once, with one question at the end."""
    monkeypatch.setattr(session, "SILENCE", 1e9)
    _, timer, gateway, emt = await _up(make_lab, chance=0.0)
    await timer.move(47 * HOUR)
    answer = await emt.ask("POST", "heartbeat")
    assert "connection" not in answer.headers
    await timer.move(HOUR / 2 + 10)
    assert (await emt.ask("POST", "heartbeat")).headers["connection"] == "close"
    await gateway.emt()


async def test_renewed_in_time(make_lab: MakeLab, short: float) -> None:
    """The next answer is the last one, told so; then a new session at once. Nothing is lost."""
    lab, timer, gateway, emt = await _up(make_lab, chance=0.0)
    await _heartbeats(timer, emt, short - 20)
    await timer.move(40)
    assert lab.room.states["t"].phase is ChannelPhase.UP
    last = await emt.ask("POST", "heartbeat")
    assert (last.status, last.headers["connection"]) == (200, "close")
    assert await emt.reader.read() == b""
    renewed = await gateway.emt()
    assert (await renewed.ask("GET", "")).status == 200
    await lab.phase(ChannelPhase.UP)
    assert ChannelPhase.WAITING not in [told.phase for told in lab.told]


async def test_renewed_in_the_middle_of_a_command(
    make_lab: MakeLab, short: float
) -> None:
    """It is carried out, once, and answered; then the session ends."""
    lab, timer, gateway, emt = await _up(make_lab, chance=0.0)
    await _heartbeats(timer, emt, short - 20)
    body = b'{"value": true, "duration_s": 3600}'
    headers = lab.headers() | {"Host": "cls", "Content-Length": str(len(body))}
    headers["Content-Type"] = "application/json"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    path = "/cls/v1/items/switch.boiler/commands"
    emt.writer.write(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body[:5])
    await asyncio.sleep(0.1)
    await timer.move(30)
    assert lab.room.states["t"].phase is ChannelPhase.UP
    emt.writer.write(body[5:])
    head = await asyncio.wait_for(emt.reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 202")
    assert b"connection: close" in head.lower()
    await lab.bench.settle()
    assert len(lab.bench.home.writes) == 1
    renewed = await gateway.emt()
    # Whoever did not get the answer asks again, and nothing is done twice.
    again = await renewed.ask(
        "POST", path, {"value": True, "duration_s": 3600}, {
            "transactionId": headers["transactionId"],
            "creationDateTime": headers["creationDateTime"],
        }
    )  # fmt: skip
    assert again.status == 202
    await lab.bench.settle()
    assert len(lab.bench.home.writes) == 1


async def test_cut_in_the_middle_of_a_command(make_lab: MakeLab) -> None:
    """By the gateway, between the command and its answer: carried out once, whoever asks again."""
    lab, timer, gateway, emt = await _up(make_lab)
    headers = lab.headers()
    body = {"value": True, "duration_s": 3600}
    path = "items/switch.boiler/commands"
    emt.send("POST", path, body, headers)
    await emt.writer.drain()
    for _ in range(200):
        if "received" in await lab.bench.kinds():
            break
        await asyncio.sleep(0.01)
    gateway.cut()
    await lab.phase(ChannelPhase.WAITING)
    await timer.move(FIRST * 2)
    renewed = await gateway.emt()
    again = await renewed.ask("POST", path, body, headers)
    assert (again.status, again.json["verdict"]) == (202, "possible")
    await lab.bench.settle()
    assert len(lab.bench.home.writes) == 1
    kinds = await lab.bench.kinds()
    assert (kinds.count("received"), kinds.count("intent")) == (1, 1)


async def test_renewed_although_nobody_asks(make_lab: MakeLab, short: float) -> None:
    """A participant that is silent at that moment does not stretch the session beyond its limit."""
    _, timer, gateway, emt = await _up(make_lab, chance=0.0)
    await _heartbeats(timer, emt, short - 20)
    await timer.move(20 + GRACE + 1)
    await gateway.emt()
    assert gateway.dialled == 2


async def test_a_long_poll_ends_for_the_renewal(
    make_lab: MakeLab, short: float
) -> None:
    """It is answered, empty."""
    _, timer, gateway, emt = await _up(make_lab, chance=0.0)
    await _heartbeats(timer, emt, short - 20)
    after = (await emt.ask("GET", "events")).json["next"]
    emt.send("GET", f"events?after={after}&wait=50")
    await asyncio.sleep(0.1)
    await timer.move(30)
    told = await asyncio.wait_for(emt.answer(), 10)
    assert told.json == {"events": [], "next": after}
    assert told.headers["connection"] == "close"
    await gateway.emt()


async def test_half_open(make_lab: MakeLab) -> None:
    """Nothing comes any more, and nobody says goodbye: found out after three minutes."""
    lab, timer, _, emt = await _up(make_lab)
    await timer.move(SILENCE - 20)
    assert (await emt.ask("GET", "")).status == 200
    await timer.move(SILENCE - 20)
    assert lab.room.states["t"].phase is ChannelPhase.UP
    await timer.move(40)
    state = await lab.phase(ChannelPhase.WAITING)
    assert state.reason is Reason.HALF_OPEN


async def test_a_header_that_never_ends(make_lab: MakeLab) -> None:
    """One byte now and then keeps nobody's attention: it is told so, noted, and over."""
    lab, timer, _, emt = await _up(make_lab)
    for byte in b"GET ":
        emt.writer.write(bytes([byte]))
        await emt.writer.drain()
        await asyncio.sleep(0.02)
        await timer.move(HEADER_SECONDS / 4 + 1)
    state = await lab.phase(ChannelPhase.WAITING)
    assert state.reason is Reason.HALF_OPEN
    answer = await emt.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert answer.json["where"] == "header"
    assert answer.headers["connection"] == "close"
    (row,) = await lab.refusals()
    assert row["data"]["where"] == "header"
    assert lab.bench.home.writes == []


async def test_in_is_renewed_as_well(make_lab: MakeLab, short: float) -> None:
    """We do not dial there, but no session gets older than it may."""
    timer = FakeTimer()
    lab = await make_lab(timer=timer, chance=0.0)
    peer = identity()
    config = lab.into(peer)
    await lab.room.configure([config])
    await lab.phase(ChannelPhase.LISTENING)
    emt = await lab.knock(config, peer)
    await lab.phase(ChannelPhase.UP)
    await _heartbeats(timer, emt, short - 20)
    await timer.move(40)
    last = await emt.ask("POST", "heartbeat")
    assert last.headers["connection"] == "close"
    state = await lab.phase(ChannelPhase.LISTENING)
    assert state.reason is Reason.SESSION_LIMIT


async def test_nobody_listens(make_lab: MakeLab) -> None:
    """The first pauses, with what is shown meanwhile."""
    timer = FakeTimer()
    lab = await make_lab(timer=timer)
    gateway = await lab.gateway()
    await gateway.close()
    await lab.room.configure([lab.out(gateway)])
    for tries, pause in enumerate((5, 10, 20, 40), 1):
        async with asyncio.timeout(10):
            while len(timer.slept) < tries:
                await asyncio.sleep(0.01)
        state = await lab.phase(ChannelPhase.WAITING)
        assert state.reason is Reason.TCP_REFUSED
        assert state.next_try is not None
        assert timer.slept[-1] == pause
        await timer.move(pause)
