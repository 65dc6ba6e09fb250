"""Every fault switch, seen by a plain device."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
import socket
import ssl
import time
from typing import Any

import pytest

from simulator.clock import SimClock
from simulator.cls import World, cli
from simulator.cls.faults import CLS_FAULTS

from .conftest import StartWorld
from .device import Device, SocksRefusedError, connect, exactly

type Line = ssl.SSLSocket

REQUEST = b"\x05\x01\x00\x03\x10grid.emt.example" + (8443).to_bytes(2)


@pytest.fixture
def admitted(world: World, device: Device) -> Device:
    """Return a device with profiles for SOCKS and SNI; the EMT hands out tunnels."""
    world.emt.raw = True
    world.admit(device.pem)
    world.admit(device.pem, scenario="sni")
    return device


def test_each_fault_is_in_a_test(capsys: pytest.CaptureFixture[str]) -> None:
    """A switch that nobody has tried does not exist; the command line lists them all."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert cli.main(["--list-faults"]) == 0
    listed = capsys.readouterr().out
    for name in CLS_FAULTS:
        assert f'"{name}' in text, name
        assert name in listed


@pytest.mark.parametrize(
    "code",
    [0, 10, 20, 40, 42, 43, 44, 45, 46, 48, 49, 51, 70, 71, 80, 86, 90, 112, 116],
)
def test_alerts(world: World, admitted: Device, code: int) -> None:
    """Each alert that a gateway may answer a hello with."""
    world.faults.add("han_alert", code=code, times=1)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        admitted.socks(world)
    assert world.journal.wait("han_refused")["alert"] == code
    admitted.socks(world)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("han_reset", ConnectionError),
        ("han_renegotiation_info", ssl.SSLError),
        ("han_swapped", ssl.SSLCertVerificationError),
        ("han_expired", ssl.SSLCertVerificationError),
        ("han_suite", ssl.SSLError),
        ("han_curve", ssl.SSLError),
        ("han_tls11", ssl.SSLError),
        ("han_tls13", ssl.SSLError),
    ],
)
def test_handshake(
    world: World, admitted: Device, fault: str, error: type[OSError]
) -> None:
    """What is not the profile of TR-03116-3 fails, once; the next time all is well."""
    world.faults.add(fault, times=1)
    with pytest.raises(error):
        admitted.socks(world)
    assert not world.journal.events("han_open")
    admitted.socks(world)


def test_hang(world: World, admitted: Device) -> None:
    """TCP is taken, TLS never begins."""
    world.faults.add("han_hang")
    with socket.create_connection((world.host, world.socks_port), timeout=0.5) as line:
        line.sendall(b"\x16\x03\x01")
        with pytest.raises(TimeoutError):
            line.recv(1)


def test_renegotiation(world: World, admitted: Device) -> None:
    """A device that forbids another handshake goes on, or leaves; never renegotiates."""
    world.faults.add("han_renegotiate", times=1)
    line = admitted.tls(world, world.socks_port)
    with pytest.raises((OSError, EOFError)):
        connect(line, world.emt.name, world.emt.port)
    assert not world.journal.events("channel_open")


@pytest.mark.parametrize("code", range(1, 9))
def test_replies(world: World, admitted: Device, code: int) -> None:
    """Each reply of RFC 1928."""
    world.faults.add("socks_reply", code=code, times=1)
    with pytest.raises(SocksRefusedError) as refused:
        admitted.socks(world)
    assert refused.value.code == code
    assert world.journal.wait("socks")["reply"] == code


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("socks_method", 255),
        ("slots_full", 1),
        ("wan_down", 4),
        ("wan_refused", 5),
        ("wan_swapped", 1),
    ],
)
def test_refusals(world: World, admitted: Device, fault: str, code: int) -> None:
    """What else ends in a reply."""
    world.faults.add(fault, times=1)
    with pytest.raises(SocksRefusedError) as refused:
        admitted.socks(world)
    assert refused.value.code == code
    admitted.socks(world)


def test_wrong_version(world: World, admitted: Device) -> None:
    """An answer that is no SOCKS5."""
    world.faults.add("socks_version")
    line = admitted.tls(world, world.socks_port)
    line.sendall(b"\x05\x01\x00")
    assert exactly(line, 2) == b"\x04\x00"


@pytest.mark.parametrize("count", range(13))
def test_cut_at_every_byte(world: World, admitted: Device, count: int) -> None:
    """The answers have 2 and 10 bytes; after the last one the channel still breaks."""
    world.faults.add("socks_cut", bytes=count, times=1)
    line = admitted.tls(world, world.socks_port)
    line.sendall(b"\x05\x01\x00")
    assert exactly(line, min(count, 2)) == b"\x05\x00"[:count]
    if count > 2:
        line.sendall(REQUEST)
        assert exactly(line, count - 2) == (b"\x05\x00\x00\x01" + bytes(6))[: count - 2]
    with pytest.raises((OSError, EOFError)):
        exactly(line, 1)
    if count < 12:
        assert not world.journal.events("channel_open")


@pytest.mark.parametrize("kind", ["name", "ipv6"])
@pytest.mark.parametrize("split", [False, True])
def test_forms_of_the_reply(
    world: World, admitted: Device, kind: str, split: bool
) -> None:
    """Another bound address, byte by byte, is a good reply as well."""
    world.faults.add("socks_bound", kind=kind)
    if split:
        world.faults.add("socks_split")
    line = admitted.socks(world)
    line.sendall(b"ping")
    assert world.run(world.emt.take().read()) == b"ping"


@pytest.mark.parametrize("at", [0, 1])
def test_silence(world: World, admitted: Device, at: int) -> None:
    """No answer to the greeting, or to the request."""
    world.faults.add("socks_silent", at=at)
    line = admitted.tls(world, world.socks_port)
    line.settimeout(0.5)
    line.sendall(b"\x05\x01\x00")
    if at:
        assert exactly(line, 2) == b"\x05\x00"
        line.sendall(REQUEST)
    with pytest.raises(TimeoutError):
        exactly(line, 1)


def test_eager(world: World, admitted: Device) -> None:
    """The EMT's first bytes come along with the reply."""
    world.emt.raw = False  # it asks at once
    world.faults.add("socks_eager")
    line = admitted.tls(world, world.socks_port)
    line.sendall(b"\x05\x01\x00")
    exactly(line, 2)
    line.sendall(REQUEST)
    record = line.recv(4096)
    assert record[:4] == b"\x05\x00\x00\x01"
    assert record[10:].startswith(b"GET /cls/v1 HTTP/1.1\r\n")


@pytest.fixture
def line(world: World, admitted: Device) -> Line:
    """Return an open channel."""
    found = admitted.socks(world)
    world.journal.wait("channel_open")
    return found


@pytest.mark.parametrize("how", ["reset", "fin", "close"])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_cut(world: World, line: Line, count: int, how: str) -> None:
    """So many bytes pass, then the channel breaks in one of three ways."""
    stream = world.emt.take()
    line.sendall(b"before")
    assert world.run(stream.read()) == b"before"
    world.faults.add("relay_cut", bytes=count, direction="down", how=how)
    world.run(stream.write(b"0123456789"))
    if count:
        assert exactly(line, count) == b"0123456789"[:count]
    if how == "close":
        assert line.recv(1) == b""
    else:
        with pytest.raises(OSError):
            line.recv(1)
    event = world.journal.wait("channel_closed")
    assert (event["reason"], event["down"]) == ("cut", count)
    assert "relay_cut" not in world.faults


def test_cut_counts_over_pieces(world: World, line: Line) -> None:
    """The count goes on over several pieces; the other direction is free."""
    stream = world.emt.take()
    world.faults.add("relay_cut", bytes=5, direction="up")
    world.run(stream.write(b"0123456789"))
    assert exactly(line, 10) == b"0123456789"
    for piece in (b"ab", b"cd"):
        line.sendall(piece)
        assert world.run(stream.read()) == piece
    line.sendall(b"ef")
    assert world.journal.wait("channel_closed")["up"] == 5


def test_trickle(world: World, line: Line) -> None:
    """Each byte comes in a record of its own."""
    world.faults.add("relay_trickle", times=1)
    world.run(world.emt.take().write(b"0123456789"))
    assert [line.recv(100) for _ in range(10)] == [b"%d" % at for at in range(10)]


def test_delay(world: World, line: Line) -> None:
    """Bytes come later."""
    world.faults.add("relay_delay", seconds=0.3, times=1)
    before = time.monotonic()
    world.run(world.emt.take().write(b"x"))
    assert exactly(line, 1) == b"x"
    assert time.monotonic() - before >= 0.3


def test_half_open(world: World, line: Line) -> None:
    """All is taken and nothing comes out; nothing is closed."""
    world.faults.add("relay_swallow", direction="up", times=1)
    stream = world.emt.take()
    line.sendall(b"lost")
    world.run(stream.write(b"there"))
    assert exactly(line, 5) == b"there"
    line.sendall(b"here again")
    assert world.run(stream.read()) == b"here again"


def test_half_close(world: World, line: Line) -> None:
    """Good-bye is said, and the other direction still works."""
    world.faults.add("relay_half_close", times=1)
    stream = world.emt.take()
    world.run(stream.write(b"never seen"))
    assert line.recv(1) == b""
    line.sendall(b"still there")
    assert world.run(stream.read()) == b"still there"
    assert not world.journal.events("channel_closed")


def test_damage(world: World, line: Line) -> None:
    """A record that no key fits: alert 20 of the device ends the channel."""
    world.faults.add("relay_damage", times=1)
    world.run(world.emt.take().write(b"x"))
    with pytest.raises(ssl.SSLError, match=r"record layer failure|(?i:bad.record.mac)"):
        line.recv(1)
    assert world.journal.wait("channel_closed")["alert"] == 20


def test_session(world: World, admitted: Device) -> None:
    """A channel ends after so many seconds, with close_notify."""
    world.faults.add("session", seconds=0.3, times=1)
    line = admitted.socks(world)
    assert line.recv(1) == b""
    assert world.journal.wait("channel_closed")["reason"] == "session"


def test_48_hours(begin: StartWorld, device: Device) -> None:
    """By the world's clock: a day is nothing, two days are the end."""
    clock = SimClock()
    world = begin(clock=clock)
    world.emt.raw = True
    world.admit(device.pem)
    line = device.socks(world)
    world.journal.wait("channel_open")
    clock.advance(timedelta(hours=47, minutes=59))
    line.settimeout(0.5)
    with pytest.raises(TimeoutError):
        line.recv(1)
    clock.advance(timedelta(minutes=1))
    line.settimeout(5)
    assert line.recv(1) == b""


def test_idle(world: World, device: Device) -> None:
    """A profile may end channels on which nothing is said; talk keeps them."""
    world.emt.raw = True
    world.admit(device.pem, idle=0.6)
    line = device.socks(world)
    for _ in range(4):
        line.sendall(b"x")
        time.sleep(0.3)
    assert not world.journal.events("channel_closed")
    assert line.recv(1) == b""
    assert world.journal.wait("channel_closed")["reason"] == "idle"


@pytest.mark.parametrize(
    ("fault", "params"),
    [("dial_swapped", {}), ("dial_expired", {}), ("dial_silent", {"seconds": 0.2})],
)
def test_dialled(
    world: World, device: Device, fault: str, params: dict[str, Any]
) -> None:
    """The gateway dials with a wrong certificate, or says nothing for a while."""
    world.emt.raw = True
    home = device.listen(world)
    profile = world.admit(device.pem, scenario="dial", home=home)
    world.faults.add(fault, times=1, **params)
    if fault == "dial_silent":
        world.call(profile.key)
        return
    # in TLS 1.2 the gateway learns of the refusal in the handshake
    with pytest.raises(OSError):
        world.call(profile.key)
    assert world.journal.wait("dial_failed")
    world.call(profile.key)


def test_a_fault_of_one_emt(begin: StartWorld, device: Device) -> None:
    """With ``action`` the others go on."""
    world = begin(emts=("grid", "supplier"))
    for emt in world.emts.values():
        emt.raw = True
        world.admit(device.pem, emt.key)
    world.faults.add("wan_down", action="grid")
    supplier = world.emts["supplier"]
    device.socks(world, supplier.name, supplier.port)
    with pytest.raises(SocksRefusedError):
        device.socks(world)


@pytest.mark.parametrize("wrong", ["nothing", "socks_reply:colour=red"])
def test_unknown_faults(begin: Callable[..., World], wrong: str) -> None:
    """A switch that is not there is an error at once."""
    with pytest.raises(ValueError, match="fault"):
        begin(faults=[wrong])
