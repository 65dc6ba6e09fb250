"""An EMT's backend: takes the tunnels that gateways open, keeps every home in view.

For each home it gives signs of life and follows the events, so that receipts come
in by themselves and are checked at once.
"""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta
import logging
import socket
from threading import Condition
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from simulator.clients import expired
from simulator.clock import SimClock
from simulator.tls import Certificate
from simulator.tunnel.context import WAN_CURVES, TlsProfile, tls_context, trust
from simulator.tunnel.pki import MockPki, fingerprint, plain
from simulator.tunnel.stream import SocketStream, Stream, TlsStream
from simulator.tunnel.wire import Port, dial

from . import calls
from .home import Home, Runner
from .pipe import HttpPipe, LostError
from .session import ProblemError, Session

_LOGGER = logging.getLogger(__name__)
_TURN = 0.2


class Emt:
    """One EMT; lives in the simulation's loop, its methods are for other threads.

    ``name`` and ``port`` are what a CLS has to name; the gateway knows the way.
    Change at any time: ``silent`` (no heartbeats, no events asked for), ``every``
    (seconds between heartbeats), ``patience`` (seconds a question for events may wait
    for one at the home, up to 50), ``ahead``
    (seconds by which its clock is wrong), ``raw`` (tunnels are not spoken HTTP on, but
    handed out by ``take``), ``inner`` (another TLS inside, as client).
    """

    def __init__(
        self,
        key: str,
        pki: MockPki,
        run: Runner,
        *,
        clock: SimClock | None = None,
        name: str = "",
        port: int = 8443,
        message_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        """Make a certificate of the mock SM-PKI; nothing listens before ``start``."""
        self.key = key
        self.name = name or f"{key}.emt.example"
        self.port = port
        self.clock = clock or SimClock()
        self.message_key = message_key
        self.certificate = pki.leaf(f"{key}.EMT")
        self.silent = False
        self.every = 20.0
        self.patience = 25
        self.ahead = 0.0
        self.raw = False
        self.inner = ""
        self.digests = True
        self.news = Condition()
        self._homes: dict[tuple[str, str], Home] = {}
        self._pki = pki
        self._run = run
        self._own: dict[str, Certificate] = {}
        self._streams: deque[Stream] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listener: Port | None = None

    @property
    def homes(self) -> list[Home]:
        """Return all homes that ever had a tunnel, in the order of their first."""
        return list(self._homes.values())

    @property
    def home(self) -> Home:
        """Return the only home, or the first; LookupError without any."""
        if not self._homes:
            raise LookupError("no home has come yet")
        return self.homes[0]

    @property
    def address(self) -> tuple[str, int]:
        """Return where the gateway finds this EMT in the WAN."""
        if self._listener is None:
            raise RuntimeError("not started")
        return self._listener.host, self._listener.port

    def now(self) -> datetime:
        """Return the EMT's time, aware, UTC."""
        return self.clock.now() + timedelta(seconds=self.ahead)

    def identity(self, curve: str) -> Certificate:
        """Return our own certificate on a curve, for inner TLS and ``direct``."""
        if curve not in self._own:
            self._own[curve] = self._pki.leaf(f"{self.key}.EMT", curve=curve)
        return self._own[curve]

    def wait_home(self, seconds: float = 30, *, tunnels: int = 1) -> Home:
        """Return a home that is connected, for the n-th time at least, when there is one."""

        def there() -> Home | None:
            for home in self.homes:
                if home.connected and home.tunnels >= tunnels:
                    return home
            return None

        with self.news:
            if not self.news.wait_for(there, seconds):
                raise TimeoutError(f"no home at {self.key} in {seconds} s")
            found = there()
        assert found is not None
        return found

    def take(self, seconds: float = 30) -> Stream:
        """Return the next raw tunnel; its coroutines run in the simulation's loop."""
        with self.news:
            if not self.news.wait_for(lambda: bool(self._streams), seconds):
                raise TimeoutError("no tunnel")
            return self._streams.popleft()

    def direct(self, host: str, port: int, cls: str, curve: str) -> None:
        """Dial a home ourselves (laboratory); ``cls``: fingerprint or PEM.

        Shows ``identity(curve)``. Returns when TLS stands; OSError if it fails.
        """
        self._run(self._direct((host, port), plain(cls), curve))

    # inside the loop

    async def start(self, host: str) -> None:
        """Listen for gateways."""
        self._listener = Port(host, 0, self._accept)
        self._listener.open()

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            await self._listener.close()

    async def _accept(self, sock: socket.socket) -> None:
        stream = TlsStream(SocketStream(sock), self._server_context(), server=True)
        try:
            await stream.handshake()
        except OSError as err:
            _LOGGER.info("%s: a gateway failed: %s", self.key, err)
            stream.abort()
            return
        subject = x509.load_der_x509_certificate(stream.peer).subject
        names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        await self._serve(stream, str(names[0].value))

    def _server_context(self) -> SSL.Context:
        def judge(_: SSL.Connection, der: bytes, error: int, depth: int) -> bool:
            return error == 0

        offer = TlsProfile(curves=WAN_CURVES)
        context = tls_context(self.certificate, judge, offer, (self._pki.sub,))
        trust(context, self._pki.root)
        return context

    async def _direct(self, where: tuple[str, int], cls: str, curve: str) -> None:
        stream = await self._client(await dial(where), curve, cls)
        serving = self._serve(stream, "direct", inner=False)
        task = asyncio.create_task(serving, eager_start=True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _client(self, under: Stream, curve: str, cls: str) -> TlsStream:
        """Return TLS to a home as its client; an empty ``cls`` takes any."""

        def judge(_: SSL.Connection, der: bytes, error: int, depth: int) -> bool:
            return bool(depth) or (not expired(der) and cls in ("", fingerprint(der)))

        context = tls_context(self.identity(curve), judge, TlsProfile(), ())
        stream = TlsStream(under, context, server=False)
        try:
            await stream.handshake()
        except BaseException:
            under.abort()
            raise
        return stream

    async def _serve(self, stream: Stream, gateway: str, *, inner: bool = True) -> None:
        """Hold a tunnel until it ends."""
        try:
            if inner and self.inner:
                stream = await self._client(stream, self.inner, "")
            if self.raw:
                await self._hand_out(stream)
                return
            await self._speak(stream, gateway)
        except LostError, ProblemError, TimeoutError, KeyError, TypeError, ValueError:
            _LOGGER.info("%s: a tunnel does not speak our API", self.key, exc_info=True)
        except OSError as err:
            _LOGGER.info("%s: a tunnel failed: %s", self.key, err)
        except asyncio.CancelledError:
            stream.abort()  # at the end of the world nobody waits for last words
            raise
        finally:
            await stream.close()

    async def _hand_out(self, stream: Stream) -> None:
        with self.news:
            self._streams.append(stream)
            self.news.notify_all()
        await asyncio.Event().wait()  # whoever takes it closes it; at the latest we

    async def _speak(self, stream: Stream, gateway: str) -> None:
        pipe = HttpPipe(stream, self.name)
        session = Session(pipe, self.now, self.message_key, digests=self.digests)
        reading = asyncio.create_task(pipe.run())
        tasks: list[asyncio.Task[None]] = [reading]
        try:
            home = await self._greet(session, gateway)
            tasks.append(asyncio.create_task(self._beat(home, session)))
            tasks.append(asyncio.create_task(self._follow(home, session)))
            await reading
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with self.news:
                self.news.notify_all()

    async def _greet(self, session: Session, gateway: str) -> Home:
        """Find out who is there; from then on the home is connected."""
        root = await session.do(calls.get())
        home = self._known(root, gateway)
        home.session = session
        home.last_contact = session.now()
        if home.next_event is None:
            told = await session.do(calls.events(None))
            home.next_event = int(told["next"])
        with self.news:
            home.tunnels += 1
            self.news.notify_all()
        return home

    def _known(self, root: dict[str, Any], gateway: str) -> Home:
        """Return the home that says so, new or known."""
        ledger = root["ledger"]
        identity = str(ledger["id"]), str(root["participant"]["id"])
        home = self._homes.get(identity)
        if home is None:
            name = str(root.get("huid") or identity[0][:8])
            if any(other.id == name for other in self.homes):
                name = f"{name}-{identity[1]}"
            home = Home(name, self._run, root, gateway, self.news)
            home.key = str(ledger["key"])
            self._homes[identity] = home
        home.root, home.gateway = root, gateway
        home.points[str(ledger["key"])] = str(ledger["point"])
        home.clock = root["clock"]
        return home

    async def _beat(self, home: Home, session: Session) -> None:
        """Give signs of life for as long as the tunnel lasts."""
        while not session.pipe.closed:
            if not self.silent:
                with suppress(LostError, ProblemError, TimeoutError):
                    await home.beat()
            await asyncio.sleep(self.every)

    async def _follow(self, home: Home, session: Session) -> None:
        """Follow the events of a home for as long as the tunnel lasts."""
        while not session.pipe.closed:
            if self.silent:
                await asyncio.sleep(_TURN)
                continue
            try:
                told = await session.do(
                    calls.events(home.next_event, self.patience), 90
                )
            except ProblemError as err:
                _LOGGER.info("%s: no events: %s", home.id, err)
                await asyncio.sleep(2)
                continue
            except LostError, TimeoutError:
                return
            for event in told["events"]:
                home.note(event)
            home.next_event = int(told["next"])
            await asyncio.sleep(_TURN)  # a home allows ten requests a second
