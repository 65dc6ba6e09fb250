"""Fixtures for tests with names, IPv6, and a network where a test may do what it likes."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
import os
import shutil
import socket
import subprocess
from typing import Any

import pytest
import pytest_socket

type Names = dict[str, list[str]]

# The two ends of one cable, both in the same namespace. Only the first has addresses.
INTERFACE, OTHER_END = "han0", "han1"
LINK_LOCAL = f"fe80::1%{INTERFACE}"
LAN = "198.51.100.7"


@pytest.fixture
def ipv6(socket_enabled: None) -> None:
    """Allow IPv6 as well; the test plugin allows 127.0.0.1 only."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1/128", "fe80::/10", LAN])
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as err:
        pytest.skip(f"no IPv6 here: {err}")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Names of the test's own and the addresses a resolver answers for them."""
    known: Names = {}
    real: Callable[..., list[Any]] = socket.getaddrinfo

    def resolve(host: str, *args: Any, **options: Any) -> list[Any]:
        return [
            answer
            for address in known.get(host, [host])
            for answer in real(address, *args, **options)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.fixture(scope="module")
def namespace() -> Generator[None]:
    """Move into a network of our own with one cable, and back.

    For a whole module: threads that were started before stay outside. Skipped where
    this is not allowed (it takes root, Linux and iproute2).
    """
    try:
        with _new_network():
            _ip("link set lo up")
            _ip(f"link add {INTERFACE} type veth peer name {OTHER_END}")
            for end in (INTERFACE, OTHER_END):
                _ip(f"link set {end} addrgenmode none")
                _ip(f"link set {end} up")
            _ip(f"address add {LINK_LOCAL.partition('%')[0]}/64 dev {INTERFACE} nodad")
            _ip(f"address add {LAN}/24 dev {INTERFACE}")
            _ip(f"route add 224.0.0.0/4 dev {INTERFACE}")
            yield
    except _NotPossibleError as err:
        pytest.skip(f"no network namespace: {err}")


class _NotPossibleError(Exception):
    """This machine or this user cannot have a network of its own."""


@contextmanager
def _new_network() -> Iterator[None]:
    if not hasattr(os, "unshare") or shutil.which("ip", path=_PATH) is None:
        raise _NotPossibleError("takes Linux and iproute2")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        try:
            os.unshare(os.CLONE_NEWNET)
        except OSError as err:
            raise _NotPossibleError(err) from err
        try:
            yield
        finally:
            os.setns(home, os.CLONE_NEWNET)
    finally:
        os.close(home)


_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


def _ip(command: str) -> None:
    program = shutil.which("ip", path=_PATH) or "ip"
    done = subprocess.run(
        [program, *command.split()], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _NotPossibleError(f"ip {command}: {done.stderr.strip()}")
