"""SOCKS5 without I/O, in any pieces, cut anywhere, with anything that may come."""

import asyncio
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.cls import socks, stream
from custom_components.smgw.cls.errors import BadConfig, ChannelError
from custom_components.smgw.cls.model import ChannelPhase, Endpoint
from custom_components.smgw.cls.reasons import ChannelReason as Reason

from .conftest import Lab
from .world import EMT, read_request

GOOD = b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x11\x51"
BOUND = {
    "ipv4": b"\x01\x7f\x00\x00\x01\x11\x51",
    "ipv6": b"\x04" + bytes(15) + b"\x01\x11\x51",
    "name": b"\x03\x04smgw\x11\x51",
    "empty name": b"\x03\x00\x11\x51",
}


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in pairwise(at)]


@pytest.mark.parametrize("bound", BOUND.values(), ids=BOUND)
@given(st.lists(st.integers(0, 40)), st.binary(max_size=30))
def test_any_pieces(bound: bytes, cuts: list[int], rest: bytes) -> None:
    """The request goes out once, and what comes behind the reply is the stream's."""
    connect, sent = socks.Connect(EMT), b""
    for piece in _pieces(b"\x05\x00\x05\x00\x00" + bound + rest, cuts):
        sent += connect.received(piece)
    assert connect.done
    assert sent == socks.request(EMT)
    assert connect.rest == rest


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_anything(data: bytes, cuts: list[int]) -> None:
    """Garbage is a ChannelError or the wait for more; never anything else, and never the way open by mistake."""
    connect = socks.Connect(EMT)
    reason = None
    try:
        for piece in _pieces(data, cuts):
            connect.received(piece)
    except ChannelError as err:
        reason = err.reason
    assert reason is None or reason.value.startswith("socks_")
    opened = data[:2] == b"\x05\x00" and data[2:5] == b"\x05\x00\x00"
    assert connect.done <= (opened and reason is None)


def test_every_reply_has_its_code() -> None:
    """Also where the gateway says no more than that."""
    found = {}
    for code in range(1, 256):
        connect = socks.Connect(EMT)
        connect.received(b"\x05\x00")
        with pytest.raises(ChannelError) as raised:
            connect.received(bytes((5, code)))
        found[code] = raised.value.reason
    assert {code: found.pop(code) for code in range(1, 9)} == socks.REPLIES
    assert set(found.values()) == {Reason.SOCKS_UNKNOWN}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x05\xff", Reason.SOCKS_NO_METHOD),
        (b"\x05\x02", Reason.SOCKS_MALFORMED),
        (b"\x04\x00", Reason.SOCKS_MALFORMED),
        (b"HTTP/1.1 400", Reason.SOCKS_MALFORMED),
        (b"\x05\x00\x04\x00", Reason.SOCKS_MALFORMED),
        (b"\x05\x00\x05\x00\x01\x01\x00", Reason.SOCKS_MALFORMED),
        (b"\x05\x00\x05\x00\x00\x02\x00", Reason.SOCKS_MALFORMED),
    ],
)
def test_no_socks(data: bytes, reason: Reason) -> None:
    """Each with its code."""
    with pytest.raises(ChannelError) as raised:
        socks.Connect(EMT).received(data)
    assert raised.value.reason is reason


@given(
    st.one_of(
        st.integers(0, 2**32 - 1).map(IPv4Address),
        st.integers(0, 2**128 - 1).map(IPv6Address),
        st.from_regex(r"[a-z][a-z0-9.-]{0,200}[a-z]", fullmatch=True),
    ),
    st.integers(1, 65535),
)
def test_the_literal_is_sent_as_it_is(host: Any, port: int) -> None:
    """Addresses as addresses, names as names: never looked up."""
    sent = socks.request(Endpoint(str(host), port))
    assert sent[:3] == b"\x05\x01\x00"
    assert int.from_bytes(sent[-2:]) == port
    match host:
        case IPv4Address():
            assert sent[3:-2] == b"\x01" + host.packed
        case IPv6Address():
            assert sent[3:-2] == b"\x04" + host.packed
        case _:
            assert sent[3:-2] == b"\x03" + bytes([len(host)]) + host.encode()


@pytest.mark.parametrize(
    "host", ["", "a b", "x" * 256, "münchen.de", "a\x00b", "a\nb", "\u202ea"]
)
def test_what_is_no_address(host: str) -> None:
    """Refused when it is typed, not when it is sent."""
    with pytest.raises(BadConfig):
        Endpoint(host, 1)


# Over a real tunnel.


@pytest.mark.parametrize("cut", range(len(GOOD) + 1))
async def test_cut_after_every_byte_that_comes(lab: Lab, cut: int) -> None:
    """The gateway hangs up in the middle: no request is served before, and it is tried again."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readexactly(3)
        writer.write(GOOD[: min(cut, 2)])
        if cut > 2:
            await read_request(reader)
            # One by one, each in a record of its own.
            for byte in GOOD[2:cut]:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
        if cut < len(GOOD):
            await writer.drain()
            writer.close()
            raise EOFError

    gateway = await lab.gateway(script=script)
    await lab.room.configure([lab.out(gateway)])
    if cut < len(GOOD):
        assert await lab.failure() is Reason.SOCKS_CUT
        assert (await lab.phase(ChannelPhase.WAITING)).next_try is not None
    else:
        emt = await gateway.emt()
        assert (await emt.ask("GET", "")).status == 200


@pytest.mark.parametrize("cut", range(3 + 5 + len(EMT.host) + 2))
async def test_reset_while_we_ask(lab: Lab, cut: int) -> None:
    """The same while our own bytes are on their way."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readexactly(min(cut, 3))
        if cut > 3:
            writer.write(b"\x05\x00")
            await reader.readexactly(cut - 3)
        writer.transport.abort()
        raise EOFError

    gateway = await lab.gateway(script=script)
    await lab.room.configure([lab.out(gateway)])
    assert await lab.failure() is Reason.SOCKS_CUT


@pytest.mark.parametrize("code", [*range(1, 9), 0x55])
async def test_refused_by_the_gateway(lab: Lab, code: int) -> None:
    """The reason is shown as it is."""
    reply = bytes((5, code, 0, 1, 0, 0, 0, 0, 0, 0))
    gateway = await lab.gateway(reply=reply)
    await lab.room.configure([lab.out(gateway)])
    expected = socks.REPLIES.get(code, Reason.SOCKS_UNKNOWN)
    assert await lab.failure() is expected


async def test_all_in_one_record(lab: Lab) -> None:
    """Reply and first request come together: nothing is lost between the two."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readexactly(3)
        request = b"GET /cls/v1 HTTP/1.1\r\nHost: cls\r\n\r\n"
        writer.write(b"\x05\x00")
        await read_request(reader)
        writer.write(GOOD[2:] + request)

    gateway = await lab.gateway(script=script)
    await lab.room.configure([lab.out(gateway)])
    emt = await gateway.emt()
    head = await asyncio.wait_for(emt.reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 200")


async def test_silence(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never says a word."""
    monkeypatch.setattr(stream, "SOCKS_SECONDS", 0.2)

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        raise EOFError

    gateway = await lab.gateway(script=script)
    await lab.room.configure([lab.out(gateway)])
    assert await lab.failure() is Reason.SOCKS_TIMEOUT
