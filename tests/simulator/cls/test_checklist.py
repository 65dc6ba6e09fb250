"""The checklist of BSI TR-03116-TS for the gateway's roles in the HAN, as far as only the bytes on the wire tell it.

Hello messages are made and read by hand, so that more can be offered than OpenSSL offers. What an
ordinary client can see of the list is in ``test_openssl.py``, and sessions that end in ``test_faults.py``.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
import os
from pathlib import Path
import socket
from threading import Thread
import time

import pytest

from simulator.cls import World

from .device import Device

SUITES = {0xC023, 0xC024, 0xC02B, 0xC02C}
GROUPS = {23, 24, 26, 27, 28}
HASHES = {4, 5, 6}  # SHA-256, SHA-384, SHA-512
_ECDSA = 3
_SCSV = 0x00FF

GROUPS_EXT, FORMATS, SIGNATURES = 10, 11, 13
TRUNCATED_HMAC, ENCRYPT_THEN_MAC, MASTER_SECRET, TICKET = 4, 22, 23, 35

CHECKED = {
    "CHECK_CERTS": "test_openssl.py::test_who_may_come",
    "CLIENT_CERT": "test_checklist.py::test_server",
    "DURATION": "test_faults.py::test_48_hours",
    "ECC": "test_checklist.py::test_server",
    "NO_COMPRESSION": "test_checklist.py::test_server",
    "NO_RENEGOTIATION": "test_openssl.py::test_no_renegotiation",
    "NO_TRUNC_HMAC": "test_checklist.py::test_server",
    "PFS": "test_checklist.py::test_server",
    "SERVER_CERT": "test_openssl.py::test_curves",
    "TLS_1.2": "test_openssl.py::test_versions",
    "ENC_THEN_MAC": "test_openssl.py::test_suites",
    "EXT_MASTER_SECRET": "test_openssl.py::test_suites",
    "SESSION_ID": "test_openssl.py::test_no_resumption",
    "SESSION_TICKET": "test_checklist.py::test_server",
    "TLS_1.3": "test_openssl.py::test_versions",  # optional: not spoken
    "RANDOM_TIME": "test_checklist.py::test_client",
}


@pytest.mark.parametrize("profile", CHECKED)
def test_each_has_a_test(profile: str) -> None:
    """What the list names is tried somewhere here."""
    file, name = CHECKED[profile].split("::")
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    assert f"\ndef {name}(" in text


def pack(data: bytes, width: int = 2) -> bytes:
    """Return a vector with its length before it."""
    return len(data).to_bytes(width) + data


def words(*numbers: int) -> bytes:
    """Return numbers of two bytes each."""
    return b"".join(number.to_bytes(2) for number in numbers)


class Reader:
    """Takes bytes apart."""

    def __init__(self, data: bytes) -> None:
        """Begin at the start."""
        self.data = data

    def take(self, size: int) -> bytes:
        """Return so many bytes."""
        taken, self.data = self.data[:size], self.data[size:]
        assert len(taken) == size
        return taken

    def number(self, width: int) -> int:
        """Return a number."""
        return int.from_bytes(self.take(width))

    def vector(self, width: int = 2) -> bytes:
        """Return what a length stands before."""
        return self.take(self.number(width))

    def extensions(self) -> dict[int, bytes]:
        """Return the extensions at the end of a hello."""
        rest, found = Reader(self.vector() if self.data else b""), {}
        while rest.data:
            number = rest.number(2)
            assert number not in found
            found[number] = rest.vector()
        return found


def pairs(data: bytes) -> list[int]:
    """Return the numbers of two bytes each in a list."""
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


def messages(line: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Return the handshake messages that come, with their kinds, until an alert or the end."""
    data = b""
    while header := receive(line, 5):
        body = receive(line, int.from_bytes(header[3:5]))
        if header[0] != 22:
            return
        data += body
        while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[1:4]):
            size = 4 + int.from_bytes(data[1:4])
            yield data[0], data[4:size]
            data = data[size:]


def receive(line: socket.socket, size: int) -> bytes:
    """Return so many bytes; fewer at the end."""
    data = b""
    while len(data) < size and (more := line.recv(size - len(data))):
        data += more
    return data


def generous(*suites: int) -> bytes:
    """Return the record of a ClientHello that offers what is forbidden as well."""
    extensions = {
        GROUPS_EXT: pack(words(29, 25, *sorted(GROUPS))),  # X25519 and P-521 first
        FORMATS: pack(b"\x01\x02\x00", 1),  # compressed ones first
        SIGNATURES: pack(words(0x0203, 0x0401, 0x0403, 0x0503, 0x0603)),
        TRUNCATED_HMAC: b"",
        ENCRYPT_THEN_MAC: b"",
        MASTER_SECRET: b"",
        TICKET: b"",
        0xFF01: b"\x00",
    }
    body = b"\x03\x03" + os.urandom(32) + pack(b"", 1) + pack(words(*suites))
    body += pack(b"\x01\x40\x00", 1)  # DEFLATE and LZS before none
    body += pack(b"".join(words(n) + pack(data) for n, data in extensions.items()))
    return b"\x16\x03\x01" + pack(b"\x01" + pack(body, 3))


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_server(world: World, device: Device, suite: int) -> None:
    """Offered everything, the gateway takes what TR-03116-3 allows, and asks for a certificate."""
    world.admit(device.pem)
    # RSA, 3DES, RC4, DHE, ECDHE_RSA, ChaCha20, anonymous, and one good suite at the end.
    bad = (0x002F, 0x000A, 0x0005, 0x009E, 0xC02F, 0xCCA9, 0xC018, 0xC009, 0xC00A)
    with socket.create_connection((world.host, world.socks_port), timeout=10) as line:
        line.sendall(generous(*bad, suite))
        told: dict[int, bytes] = {}
        for kind, body in messages(line):
            told[kind] = body
            if kind == 14:  # ServerHelloDone
                break
    hello = Reader(told[2])
    assert hello.number(2) == 0x0303
    hello.take(32)
    assert hello.vector(1) == b""  # no session to come back to
    assert hello.number(2) == suite
    assert hello.number(1) == 0  # no compression
    taken = hello.extensions()
    assert not taken.keys() & {TRUNCATED_HMAC, TICKET}
    assert MASTER_SECRET in taken
    assert (ENCRYPT_THEN_MAC in taken) == (suite in (0xC023, 0xC024))
    exchange = Reader(told[12])
    assert exchange.number(1) == 3  # a named curve
    assert exchange.number(2) in GROUPS
    assert exchange.vector(1)[0] == 4  # a point that is not compressed
    assert (exchange.number(1) in HASHES, exchange.number(1)) == (True, _ECDSA)
    assert 13 in told  # CertificateRequest


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client offers."""

    random: bytes
    session: bytes
    suites: set[int]
    compression: bytes
    extensions: dict[int, bytes]


def offered(world: World, key: str, leg: str) -> Hello:
    """Let the gateway dial (HKS4) and return its ClientHello on a leg."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        address = listener.getsockname()
        change = {"home": address} if leg == "han" else {"address": address}
        world.gateway.profiles.change(key, **change)

        def dial() -> None:
            with suppress(Exception):
                world.call(key)

        thread = Thread(target=dial)
        thread.start()
        line, _ = listener.accept()
        with line:
            line.settimeout(10)
            kind, body = next(messages(line))
        thread.join(20)
    assert kind == 1
    hello = Reader(body)
    assert hello.number(2) == 0x0303
    return Hello(
        hello.take(32),
        hello.vector(1),
        set(pairs(hello.vector())),
        hello.vector(1),
        hello.extensions(),
    )


@pytest.mark.parametrize("leg", ["han", "wan"])
def test_client(world: World, device: Device, leg: str) -> None:
    """Where the gateway dials, it offers nothing that is forbidden, and its clock to nobody."""
    home = ("127.0.0.1", 1)
    key = world.admit(device.pem, scenario="dial", home=home).key
    hellos = [offered(world, key, leg) for _ in range(3)]
    for hello in hellos:
        assert hello.suites - {_SCSV} == SUITES
        assert hello.compression == b"\x00"
        assert hello.session == b""
        found = hello.extensions
        assert not found.keys() & {TRUNCATED_HMAC, TICKET}
        assert found.keys() >= {ENCRYPT_THEN_MAC, MASTER_SECRET}
        assert 0 in found[FORMATS][1:]
        groups = set(pairs(found[GROUPS_EXT][2:]))
        assert groups <= GROUPS
        assert groups >= {23, 26, 27}
        signatures = pairs(found[SIGNATURES][2:])
        assert {number >> 8 for number in signatures} == HASHES
        assert {number & 0xFF for number in signatures} == {_ECDSA}
    times = [int.from_bytes(hello.random[:4]) for hello in hellos]
    assert sum(abs(told - time.time()) < 86_400 for told in times) <= 1
