"""A TLS server with a gateway's certificate that answers with given bytes."""

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
import socket
import ssl
from struct import pack
from tempfile import NamedTemporaryFile
from threading import Event, Thread
from typing import Any

from custom_components.smgw.han.address import Address
from custom_components.smgw.han.driver import VENDORS, Driver
from custom_components.smgw.han.model import Credentials, Snapshot
from custom_components.smgw.han.transport import Timeouts, Transport
from simulator.tls import Certificate, self_signed

from .helpers import QUICK, START

CHALLENGE = (
    b"HTTP/1.1 401 Unauthorized\r\n"
    b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5\r\n'
    b"Content-Length: 0\r\n\r\n"
)
GATEWAY_ID = "EPPC0210123456"

# In place of a piece: break the connection off, as a gateway that restarts does.
RESET = b"reset"

type Bytes = Iterable[bytes]
type Answers = Callable[[int, bytes], Bytes]
"""Makes the pieces of an answer from the request's number and its bytes."""


def ok(body: bytes, *headers: str) -> bytes:
    """Return a whole answer with a body."""
    lines = "".join(f"{header}\r\n" for header in headers).encode()
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (
        lines,
        len(body),
        body,
    )


@dataclass
class HostileServer:
    """Serves one connection after the other in a thread of its own."""

    answers: Answers
    certificate: Certificate = field(default_factory=lambda: self_signed(GATEWAY_ID))
    received: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen."""
        self._context = _server_context(self.certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._connection: socket.socket | None = None
        self._ending = Event()
        self._thread = Thread(target=self._serve, name="hostile")

    @property
    def address(self) -> Address:
        """Return where it listens."""
        return Address("127.0.0.1", self._listener.getsockname()[1])

    def transport(self, timeouts: Timeouts = QUICK) -> Transport:
        """Return a way to it, with its certificate pinned."""
        return Transport(self.address, GATEWAY_ID, self.certificate.der, timeouts)

    def driver(
        self, flag: str = "PPC", memory: MutableMapping[str, Any] | None = None
    ) -> Driver:
        """Return a maker's driver for it."""
        return VENDORS[flag].driver(
            self.transport(), {} if memory is None else memory, lambda: START
        )

    async def read(self, driver: Driver) -> Snapshot:
        """Read it with some account."""
        return await driver.read_latest(Credentials(user="1", password="x"))

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._ending.set()
        if (connection := self._connection) is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._ending.is_set():
            with suppress(OSError):
                connection, _ = self._listener.accept()
                connection.settimeout(5)
                with self._context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                ) as tls:
                    self._connection = tls
                    tls.do_handshake()
                    self._talk(tls)

    def _talk(self, tls: ssl.SSLSocket) -> None:
        while request := _request(tls):
            self.received.append(request)
            for piece in self.answers(len(self.received), request):
                if self._ending.is_set():
                    return
                if piece is RESET:
                    tls.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0)
                    )
                    return
                tls.sendall(piece)


def _server_context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(certificate.pem + certificate.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _request(tls: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := tls.recv(65536)):
            return b""
        data += more
    return data


@contextmanager
def hostile(
    answers: Answers, certificate: Certificate | None = None
) -> Iterator[HostileServer]:
    """Run a server that answers like this."""
    server = (
        HostileServer(answers)
        if certificate is None
        else HostileServer(answers, certificate)
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()
