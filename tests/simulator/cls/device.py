"""A CLS as plain as can be: blocking sockets, Python's own ``ssl`` and ``http.server``.

It shares nothing with the simulator but the certificate maker.
"""

from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
import json
from pathlib import Path
import socket
import ssl
import tempfile
from threading import Thread
from typing import Any, Self

from simulator.cls import World
from simulator.tls import Certificate, self_signed

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384"
)

type Answer = tuple[int, Any]
type Handler = Callable[[str, str, dict[str, str], Any], Answer]


class SocksRefusedError(OSError):
    """The proxy's reply was not 0."""

    def __init__(self, code: int) -> None:
        """Keep it."""
        super().__init__(f"SOCKS reply {code}")
        self.code = code


def nothing(method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
    """Answer as a home without the API."""
    return 404, {"code": "not_found"}


class Device:
    """A key, a certificate, and connections made with them."""

    def __init__(
        self, curve: str = "brainpoolP256r1", *, expired: bool = False, name: str = "HA"
    ) -> None:
        """Make them."""
        self.curve = curve
        self.certificate: Certificate = self_signed(name, curve=curve, expired=expired)
        self._threads: list[Thread] = []
        self._open: list[socket.socket] = []
        self._over = False

    @property
    def pem(self) -> str:
        """Return the certificate."""
        return self.certificate.pem

    def context(
        self,
        world: World,
        *,
        server: bool = False,
        trusted: str = "",
        curve: str = "",
    ) -> ssl.SSLContext:
        """Return the strict context of TR-03116-3 on our curve."""
        protocol = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
        context = ssl.SSLContext(protocol)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(SUITES)
        context.set_ecdh_curve(curve or self.curve)
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.load_verify_locations(cadata=trusted or world.certificate_pem)
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Show our certificate with a context."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "own.pem"
            path.write_text(self.certificate.pem + self.certificate.key_pem)
            context.load_cert_chain(path)

    def tls(
        self, world: World, port: int, *, name: str = "", **more: Any
    ) -> ssl.SSLSocket:
        """Dial the gateway and shake hands."""
        plain = socket.create_connection((world.host, port), timeout=10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.append(plain)
        context = self.context(world, **more)
        try:
            line = context.wrap_socket(
                plain, server_hostname=name or None, suppress_ragged_eofs=False
            )
        except OSError:
            plain.close()
            raise
        self._open.append(line)
        return line

    def socks(
        self, world: World, host: str = "", port: int = 0, **more: Any
    ) -> ssl.SSLSocket:
        """Dial the gateway, name an EMT by SOCKS; SocksRefusedError if refused."""
        line = self.tls(world, world.socks_port, **more)
        connect(line, host or world.emt.name, port or world.emt.port)
        return line

    def sni(self, world: World, name: str = "", **more: Any) -> ssl.SSLSocket:
        """Dial the gateway, name an EMT by SNI."""
        return self.tls(world, world.sni_port, name=name or world.emt.name, **more)

    def serve(self, line: ssl.SSLSocket, handler: Handler = nothing) -> Thread:
        """Be an HTTP server on a stream until it ends."""
        line.settimeout(None)
        return self._start(_serve, line, handler)

    def _start(self, work: Callable[..., None], *arguments: Any) -> Thread:
        thread = Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def listen(
        self,
        world: World,
        handler: Handler = nothing,
        *,
        take: Callable[[ssl.SSLSocket], object] | None = None,
        trusted: str = "",
    ) -> tuple[str, int]:
        """Wait for the gateway to dial (HKS4), for as long as the test lasts.

        ``take`` gets each line; without it we serve.
        """
        context = self.context(world, server=True, trusted=trusted)
        family = socket.AF_INET6 if ":" in world.host else socket.AF_INET
        listener = socket.create_server((world.host, 0), family=family)
        self._open.append(listener)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    plain, _ = listener.accept()
                    # Known before it shakes hands, so that the end of a test ends that as well.
                    line = context.wrap_socket(
                        plain, server_side=True, do_handshake_on_connect=False
                    )
                    self._open.append(line)
                    if self._over:
                        line.close()
                        return
                    with suppress(OSError):
                        line.do_handshake()
                        if take is None:
                            self.serve(line, handler)
                        else:
                            take(line)

        self._start(accept)
        address = listener.getsockname()
        return address[0], address[1]

    def plain(self, line: ssl.SSLSocket) -> socket.socket:
        """Return a socket without TLS that is joined to a line."""
        ours, theirs = socket.socketpair()
        self._open += [ours, theirs]
        self.join(line, theirs)
        return ours

    def join(self, one: socket.socket, other: socket.socket) -> None:
        """Pass bytes on between two lines until one ends."""
        self._open += [one, other]
        for source, sink in ((one, other), (other, one)):
            source.settimeout(None)
            self._start(_pump, source, sink)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        self._over = True
        for line in self._open:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for line in self._open:
            line.close()


def connect(line: ssl.SSLSocket, host: str, port: int) -> None:
    """Speak SOCKS5 on an open line; SocksRefusedError, EOFError."""
    line.sendall(b"\x05\x01\x00")
    chosen = exactly(line, 2)
    if chosen != b"\x05\x00":
        raise SocksRefusedError(chosen[1])
    line.sendall(b"\x05\x01\x00" + address(host) + port.to_bytes(2))
    _, code, _, kind = exactly(line, 4)
    size = {1: 4, 4: 16}.get(kind) or exactly(line, 1)[0]
    exactly(line, size + 2)
    if code:
        raise SocksRefusedError(code)


def address(host: str) -> bytes:
    """Return a destination as SOCKS writes it."""
    try:
        packed = ip_address(host).packed
    except ValueError:
        return bytes([3, len(host)]) + host.encode()
    return bytes([1 if len(packed) == 4 else 4]) + packed


def exactly(line: ssl.SSLSocket, size: int) -> bytes:
    """Return so many bytes; EOFError if the line ends before."""
    data = b""
    while len(data) < size:
        more = line.recv(size - len(data))
        if not more:
            raise EOFError(f"{len(data)} of {size} bytes")
        data += more
    return data


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def _serve(line: ssl.SSLSocket, handler: Handler) -> None:
    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, told = handler(self.command, self.path, headers, body)
            text = isinstance(told, str)
            data = told.encode() if text else json.dumps(told).encode()
            self.send_response(status)
            self.send_header(
                "Content-Type", "text/plain" if text else "application/json"
            )
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with suppress(OSError, ValueError):
        Page(line, ("cls", 0), None)  # type: ignore[arg-type]
