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
from typing import ClassVar, Self

from .breakage import Line, answer_broken, compress, connection_fault
from .clock import SimClock, real_seconds
from .faults import COMMON_FAULTS, FaultInfo, FaultRequest, FaultSet
from .http import BadRequestError, Request, Response, read_request
from .tls import Certificate, TlsOptions, self_signed, server_context

_LOGGER = logging.getLogger(__name__)
_IDLE_CONNECTION = 60.0


class RealTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers run though a test has frozen the time."""

    def time(self) -> float:
        """Return the loop's time in seconds."""
        return real_seconds()


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as the gateway saw it; ``status`` 0 means no answer.

    ``action`` is the form field of a POST, None without one; ``at`` is the
    gateway's clock, aware UTC.
    """

    method: str
    path: str
    action: str | None
    status: int
    authenticated: bool
    at: datetime


@dataclass(slots=True)
class Answer:
    """A response and whether the request had carried the right password."""

    response: Response
    authenticated: bool = False


class SimulatedServer(ABC):
    """A TLS server in a thread with its own event loop.

    ``start`` returns when it listens and ``stop`` when the thread has ended;
    both may be called from any thread, with or without an event loop.
    """

    vendor: ClassVar[str]
    fault_table: ClassVar[Mapping[str, FaultInfo]] = COMMON_FAULTS

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
        self.certificate = certificate or self_signed(
            self.gateway_id, curve=tls.curve, expired=tls.expired
        )
        self._context = server_context(self.certificate, tls)
        self._records: list[RequestRecord] = []
        self._record_lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._ending: asyncio.Event | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Return ``https://host:port`` without a path."""
        return f"https://{self.host}:{self.port}"

    @property
    def certificate_pem(self) -> str:
        """Return the certificate that new connections get, PEM."""
        return self.certificate.pem

    @property
    def certificate_der(self) -> bytes:
        """Return the certificate that new connections get, DER."""
        return self.certificate.der

    @property
    def fingerprint(self) -> str:
        """Return the certificate's SHA-256, upper-case hex pairs with colons."""
        return self.certificate.fingerprint

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
        self.certificate = self_signed(
            self.gateway_id, curve=self._tls.curve, expired=expired
        )
        self._context = server_context(self.certificate, self._tls)
        return self.fingerprint

    def start(self) -> Self:
        """Listen; raises OSError if the address cannot be had."""
        if self._thread is not None:
            raise RuntimeError("already started")
        listener = socket.create_server((self.host, self.port), backlog=64)
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
        accepting = asyncio.create_task(self._accept(listener))
        ready.set()
        await self._ending.wait()
        accepting.cancel()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(accepting, *self._connections, return_exceptions=True)
        listener.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(listener)
            task = asyncio.create_task(self._connection(sock))
            self._connections.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("a request failed", exc_info=error)

    async def _connection(self, sock: socket.socket) -> None:
        if not self.alive():
            sock.close()
            return
        line = await self._open(sock)
        if line is None:
            return
        try:
            while await self._exchange(line):
                pass
        except BadRequestError as err:
            _LOGGER.info("bad request: %s", err)
        except OSError as err:
            _LOGGER.info("connection ended: %s", err or type(err).__name__)
        except asyncio.CancelledError:
            line.abort()
            raise
        finally:
            await line.close()

    async def _open(self, sock: socket.socket) -> Line | None:
        try:
            used_up = await connection_fault(self.faults)
        except asyncio.CancelledError:
            sock.close()
            raise
        if used_up:
            sock.close()
            return None
        try:
            return await self._handshake(sock)
        except OSError as err:
            _LOGGER.info("TLS handshake failed: %s", err)
            return None

    async def _handshake(self, sock: socket.socket) -> Line:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=64 * 1024)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, sock, ssl=self._context, ssl_handshake_timeout=10
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return Line(reader, writer)

    async def _exchange(self, line: Line) -> bool:
        async with asyncio.timeout(_IDLE_CONNECTION):
            request = await read_request(line.reader, line.client_der)
        if request is None or not self.alive():
            return False
        action = self.action_of(request)
        answer = self.handle(request)
        if self.faults.take("gzip", action):
            compress(request, answer.response)
        keep = request.keep_alive and not answer.response.close
        outcome = await answer_broken(
            self.faults, line, action, answer.response, keep_alive=keep
        )
        authenticated = answer.authenticated and not outcome.foreign
        self._record(request, action, outcome.status, authenticated)
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
