"""The part every simulated gateway shares: thread, socket, TLS, request log."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Iterable, Mapping
import contextlib
from dataclasses import dataclass
from datetime import datetime
import logging
import socket
import ssl
from threading import Event, Lock, Thread
from typing import ClassVar, Literal, Self

from .breakage import Line, answer_broken, compress, connection_fault
from .clock import Deadline, SimClock, real_seconds
from .faults import COMMON_FAULTS, FaultInfo, FaultRequest, FaultSet
from .hello import HELLO_FAULTS, peek_hello, refuse
from .http import BadRequestError, Request, Response, read_request
from .lifetime import Lifetime, until
from .tls import Certificate, TlsOptions, server_context

_LOGGER = logging.getLogger(__name__)
_GRACE = 0.5


class RealTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers run though a test has frozen the time."""

    def time(self) -> float:
        """Return the loop's time in seconds."""
        return real_seconds()


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as the gateway saw it; ``status`` 0 means no answer.

    ``action`` is the name of what was asked for (PPC: the form field of a POST),
    None without one; ``at`` is the gateway's clock, aware UTC; ``connection``
    numbers the connections from 1; ``host`` is that header.
    """

    method: str
    path: str
    action: str | None
    status: int
    authenticated: bool
    at: datetime
    connection: int = 0
    host: str = ""


@dataclass(slots=True)
class Answer:
    """A response and whether the request had carried the right password.

    With ``silence`` nothing is sent: the connection is dropped at once, or
    stays open without a word until the client goes.
    """

    response: Response
    authenticated: bool = False
    silence: Literal["", "drop", "hang"] = ""


class SimulatedServer(ABC):
    """A TLS server in a thread with its own event loop.

    ``start`` returns when it listens and ``stop`` when the thread has ended;
    both may be called from any thread, with or without an event loop.
    """

    vendor: ClassVar[str]
    fault_table: ClassVar[Mapping[str, FaultInfo]] = COMMON_FAULTS
    lifetime: Lifetime = Lifetime()
    answers_chunked: ClassVar[bool] = False

    def __init__(
        self,
        host: str,
        port: int,
        gateway_id: str,
        clock: SimClock | None,
        faults: Iterable[FaultRequest],
        certificate: Certificate | None,
        tls: TlsOptions,
    ) -> None:
        """Prepare; nothing listens before ``start``."""
        self.host = host
        self.port = port
        self.gateway_id = gateway_id
        self.clock = clock or SimClock()
        self.faults = FaultSet(self.fault_table, self.clock, faults)
        self._tls = tls
        self.certificate = certificate or tls.certificate(
            gateway_id, expired=tls.expired
        )
        self._context = server_context(self.certificate, tls)
        self._stand_ins: dict[str, tuple[Certificate, ssl.SSLContext]] = {}
        self._records: list[RequestRecord] = []
        self._record_lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._ending: asyncio.Event | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._lines: set[Line] = set()
        self._opened = 0
        self._most_open = 0

    @property
    def open_connections(self) -> int:
        """Return how many TLS connections are open now."""
        return len(self._lines)

    @property
    def most_connections(self) -> int:
        """Return how many TLS connections were ever open at once."""
        return self._most_open

    @property
    def connections(self) -> int:
        """Return how many TLS connections have been opened since the start."""
        return self._opened

    @property
    def url(self) -> str:
        """Return ``https://host:port`` without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"

    @property
    def certificate_pem(self) -> str:
        """Return the certificate that new connections get, PEM."""
        return self._presented()[0].pem

    @property
    def certificate_der(self) -> bytes:
        """Return the certificate that new connections get, DER."""
        return self._presented()[0].der

    @property
    def fingerprint(self) -> str:
        """Return the certificate's SHA-256, upper-case hex pairs with colons."""
        return self._presented()[0].fingerprint

    @property
    def requests(self) -> list[RequestRecord]:
        """Return the requests since the start or ``clear_requests``."""
        with self._record_lock:
            return list(self._records)

    def clear_requests(self) -> None:
        """Forget the requests seen so far."""
        with self._record_lock:
            self._records.clear()

    def rotate_certificate(self, *, expired: bool = False) -> str:
        """Use a new key and certificate from now on; return its fingerprint."""
        self.certificate = self._tls.certificate(self.gateway_id, expired=expired)
        self._context = server_context(self.certificate, self._tls)
        return self.fingerprint

    def start(self) -> Self:
        """Listen; raises OSError if the address cannot be had."""
        if self._thread is not None:
            raise RuntimeError("already started")
        listener = _listener(self.host, self.port)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        ready = Event()
        self._thread = Thread(
            target=self._run,
            args=(listener, ready),
            name=f"{self.vendor}-gateway",
            daemon=True,
        )
        self._thread.start()
        ready.wait()
        return self

    def stop(self) -> None:
        """Close all connections and wait for the thread; harmless twice."""
        thread, loop, ending = self._thread, self._loop, self._ending
        if thread is None:
            return
        if loop is not None and ending is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(ending.set)
        thread.join()
        self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @abstractmethod
    def handle(self, request: Request) -> Answer:
        """Answer one request (called in the gateway's thread)."""

    def action_of(self, request: Request) -> str | None:
        """Return the name of what a request asks for, for log and faults."""
        return None

    def alive(self) -> bool:
        """Tell whether the gateway accepts connections (not rebooting)."""
        return True

    def _run(self, listener: socket.socket, ready: Event) -> None:
        try:
            with asyncio.Runner(loop_factory=RealTimeLoop) as runner:
                runner.run(self._serve(listener, ready))
        finally:
            ready.set()

    async def _serve(self, listener: socket.socket, ready: Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_log_loop_error)
        self._ending = asyncio.Event()
        # No task: one that is cancelled loses the socket it has just accepted.
        self._loop.add_reader(listener, self._accept, listener)
        ready.set()
        await self._ending.wait()
        self._loop.remove_reader(listener)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        listener.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            # The client has already gone.
            return
        sock.setblocking(False)
        # At once: a task that is cancelled before it starts would not close it.
        task = asyncio.create_task(self._connection(sock), eager_start=True)
        self._connections.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("a request failed", exc_info=error)

    async def _connection(self, sock: socket.socket) -> None:
        if not self.alive() or await self._crowded():
            sock.close()
            return
        line = await self._open(sock)
        if line is None:
            return
        self._opened += 1
        self._lines.add(line)
        # One whose client has hung up may not have been told yet.
        talking = sum(not one.reader.at_eof() for one in self._lines)
        self._most_open = max(self._most_open, talking)
        end = Deadline(self.clock, self.lifetime.total)
        try:
            while await self._exchange(line, end):
                pass
        except BadRequestError as err:
            _LOGGER.info("bad request: %s", err)
        except OSError as err:
            _LOGGER.info("connection ended: %s", err or type(err).__name__)
        except asyncio.CancelledError:
            line.abort()
            raise
        finally:
            self._lines.discard(line)
            await line.close()

    async def _crowded(self) -> bool:
        """Tell whether a fault forbids a second connection."""
        if "single_connection" not in self.faults:
            return False
        # a client may be quicker than the good-bye of its last connection
        end = real_seconds() + _GRACE
        while self._lines and real_seconds() < end:
            await asyncio.sleep(0.02)
        return bool(self._lines)

    async def _open(self, sock: socket.socket) -> Line | None:
        try:
            if await self._used_up(sock):
                sock.close()
                return None
        except asyncio.CancelledError:
            sock.close()
            raise
        except OSError as err:
            sock.close()
            _LOGGER.info("connection ended: %s", err or type(err).__name__)
            return None
        try:
            return await self._handshake(sock)
        except OSError as err:
            _LOGGER.info("TLS handshake failed: %s", err)
            return None

    async def _used_up(self, sock: socket.socket) -> bool:
        """Act on a connection before TLS; True if nothing is left to do."""
        if await connection_fault(self.faults):
            return True
        for name, (offered, alert) in HELLO_FAULTS.items():
            if name in self.faults and offered(await peek_hello(sock)):
                self.faults.take(name)
                await refuse(sock, alert)
                return True
        return False

    def _presented(self) -> tuple[Certificate, ssl.SSLContext]:
        """Return the certificate of new connections, and its context."""
        for name in ("certificate_swapped", "certificate_expired"):
            if name not in self.faults:
                continue
            if name not in self._stand_ins:
                expired = name == "certificate_expired"
                made = self._tls.certificate(self.gateway_id, expired=expired)
                self._stand_ins[name] = made, server_context(made, self._tls)
            return self._stand_ins[name]
        return self.certificate, self._context

    async def _handshake(self, sock: socket.socket) -> Line:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=64 * 1024)
        protocol = asyncio.StreamReaderProtocol(reader)
        context = self._presented()[1]
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, sock, ssl=context, ssl_handshake_timeout=10
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return Line(reader, writer, self._opened + 1)

    def _rest(self) -> Deadline:
        """Return when a connection that does nothing from now on is closed."""
        fault = self.faults.get("idle_close")
        idle = float(fault["seconds"]) if fault else self.lifetime.idle
        return Deadline(self.clock, idle)

    async def _next(self, line: Line, end: Deadline) -> Request | None:
        """Wait for a request as long as the connection may live."""
        reading = read_request(line, chunks_pass=self.answers_chunked)
        if self.lifetime.by_clock:
            return await until(reading, (line.rest or self._rest(), end))
        async with asyncio.timeout(self.lifetime.idle):
            return await reading

    async def _exchange(self, line: Line, end: Deadline) -> bool:
        request = await self._next(line, end)
        if request is None or not self.alive():
            return False
        action = self.action_of(request)
        answer = self.handle(request)
        if answer.silence:
            self._record(request, action, 0, answer.authenticated)
            if answer.silence == "hang":
                await line.reader.read()
            line.abort()
            return False
        if self.faults.take("gzip", action):
            compress(request, answer.response)
        keep = request.keep_alive and not answer.response.close
        outcome = await answer_broken(
            self.faults, line, action, answer.response, keep_alive=keep
        )
        authenticated = answer.authenticated and not outcome.foreign
        self._record(request, action, outcome.status, authenticated)
        # before the client knows: it may set the clock as soon as it has the answer
        line.rest = self._rest()
        await outcome.send()
        return keep and not outcome.closes

    def _record(
        self, request: Request, action: str | None, status: int, authenticated: bool
    ) -> None:
        record = RequestRecord(
            request.method,
            request.path,
            action,
            status,
            authenticated,
            self.clock.now(),
            request.connection,
            request.header("host"),
        )
        with self._record_lock:
            self._records.append(record)
        _LOGGER.info(
            "%s %s action=%s status=%s authenticated=%s",
            _printable(request.method),
            _printable(request.path),
            _printable(action) or "-",
            status or "none",
            "yes" if authenticated else "no",
        )


def _listener(host: str, port: int) -> socket.socket:
    """Listen at an IPv4 or IPv6 address, with zone if it has one, or a name."""
    flags = socket.AI_PASSIVE
    # of a name's families the first; only this keeps the zone of an address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    family, *_, address = found[0]
    return socket.create_server(address, family=family, backlog=64)


def _printable(text: str | None) -> str:
    """Return what a client sent in a form that cannot break a log line."""
    return ascii(text)[1:-1][:60] if text else ""


def _log_loop_error(
    loop: asyncio.AbstractEventLoop, context: dict[str, object]
) -> None:
    error = context.get("exception")
    if isinstance(error, ssl.SSLError | OSError):
        _LOGGER.info("connection ended: %s", error)
    else:
        loop.default_exception_handler(context)
