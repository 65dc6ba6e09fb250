"""A gateway with its CLS proxy and EMTs, in one thread with its own loop."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from threading import Event, Thread
from typing import Any, Self

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from simulator.clock import SimClock
from simulator.emt.backend import Emt
from simulator.emt.console import Console
from simulator.emt.orders import Orders
from simulator.faults import FaultRequest, FaultSet
from simulator.server import RealTimeLoop
from simulator.tls import Certificate
from simulator.tunnel.guard import guard, loopback
from simulator.tunnel.pki import MockPki, fingerprint, plain

from .journal import Journal
from .lab import Lab
from .profiles import DAY, Profile, Scenario
from .proxy import ClsGateway


class World:
    """The whole other half; start it with ``with`` or ``start`` and ``stop``.

    All methods may be called from any thread but the simulation's own; from an
    event loop that the home runs in, through ``asyncio.to_thread``.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        curve: str = "brainpoolP256r1",
        emts: Iterable[str] = ("grid",),
        gateway_id: str = "ESIM0000000001",
        socks_port: int = 0,
        sni_port: int = 0,
        clock: SimClock | None = None,
        faults: Iterable[FaultRequest] = (),
        certificate: Certificate | None = None,
        console_host: str = "127.0.0.1",
        console_port: int | None = None,
    ) -> None:
        """Make all keys; ``curve`` is that of the gateway's HAN certificate.

        With ``console_port`` (0: a free one) console and lab API are served there.
        """
        if not loopback(console_host):
            raise ValueError("the console is for this machine only")
        self.host = host
        self.console_host = console_host
        self.console_port = console_port
        self.clock = clock or SimClock()
        self.pki = MockPki()
        self.gateway = ClsGateway(
            self.pki,
            host=host,
            socks_port=socks_port,
            sni_port=sni_port,
            curve=curve,
            gateway_id=gateway_id,
            clock=self.clock,
            faults=faults,
            certificate=certificate,
        )
        self.emts: dict[str, Emt] = {}
        self.orders = Orders(self)
        for key in emts:
            self._make(key)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._ending: asyncio.Event | None = None

    # what a home is told about the gateway

    @property
    def socks_port(self) -> int:
        """Return the HAN port for SOCKS inside TLS."""
        return self.gateway.socks_port

    @property
    def sni_port(self) -> int:
        """Return the HAN port where the TLS server name tells the EMT."""
        return self.gateway.sni_port

    @property
    def certificate_pem(self) -> str:
        """Return the gateway's HAN certificate."""
        return self.gateway.han.certificate.pem

    @property
    def fingerprint(self) -> str:
        """Return its SHA-256: 64 small hex digits."""
        return fingerprint(self.gateway.han.certificate.der)

    @property
    def faults(self) -> FaultSet:
        """Return the faults, to switch at any time."""
        return self.gateway.faults

    @property
    def journal(self) -> Journal:
        """Return what happened at the proxy."""
        return self.gateway.journal

    @property
    def emt(self) -> Emt:
        """Return the first EMT."""
        return next(iter(self.emts.values()))

    @property
    def console_url(self) -> str:
        """Return where console and lab API are, empty if they are not served."""
        if self.console_port is None:
            return ""
        host = self.console_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.console_port}"

    def described(self) -> dict[str, Any]:
        """Return what a home needs to know, and where everything is."""
        return {
            "gateway_id": self.gateway.gateway_id,
            "host": self.host,
            "socks_port": self.socks_port,
            "sni_port": self.sni_port,
            "curve": self.gateway.han.curve,
            "fingerprint": self.fingerprint,
            "certificate": self.certificate_pem,
            "console": self.console_url,
            "emts": [
                {
                    "key": emt.key,
                    "name": emt.name,
                    "port": emt.port,
                    "silent": emt.silent,
                    "fingerprint": fingerprint(emt.certificate.der),
                }
                for emt in self.emts.values()
            ],
        }

    # what the GWA does

    def admit(
        self,
        cls: str,
        emt: str = "",
        scenario: Scenario = "socks",
        *,
        key: str = "",
        name: str = "",
        port: int = 0,
        home: tuple[str, int] | None = None,
        session: float = 2 * DAY,
        idle: float = 0.0,
        parallel: int = 1,
        every: float = 0.0,
    ) -> Profile:
        """Make a profile for a CLS certificate (fingerprint or PEM) and an EMT.

        ``name`` and ``port`` are what the CLS has to name (default: the EMT's);
        ``home`` is where it listens, for the scenario ``dial``.
        """
        whom = self.emts[emt] if emt else self.emt
        profile = Profile(
            key=key or f"{whom.key}-{scenario}-{plain(cls)[:8]}",
            cls=plain(cls),
            scenario=scenario,
            emt=whom.key,
            name=name or whom.name,
            port=port or whom.port,
            address=whom.address,
            emt_fingerprint=fingerprint(whom.certificate.der),
            home=home,
            session=session,
            idle=idle,
            parallel=parallel,
            every=every,
        )
        self.gateway.put(profile)
        return profile

    def revoke(self, key: str) -> None:
        """Forget a profile and end its channels."""
        self.run(_later(self.gateway.remove, key))

    def call(self, key: str) -> None:
        """Let the gateway dial EMT and home (HKS4); OSError or WanError if it fails."""
        self.run(self.gateway.call(key))

    def cut(self, key: str = "", how: str = "reset") -> int:
        """End channels (all, or of a profile): ``reset``, ``fin`` or ``close``."""
        return self.run(_later(self._cut, key, how))

    def rotate(self, curve: str = "") -> str:
        """Give the gateway a new HAN certificate; return its fingerprint."""
        self.gateway.han.rotate(curve)
        self.journal.add("certificate", fingerprint=self.fingerprint)
        return self.fingerprint

    def add_emt(
        self,
        key: str,
        *,
        name: str = "",
        port: int = 8443,
        message_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Emt:
        """Add an EMT to a world that runs."""
        emt = self._make(key, name=name, port=port, message_key=message_key)
        self.run(emt.start(self.host))
        return emt

    def run[T](self, work: Coroutine[Any, Any, T], seconds: float = 120) -> T:
        """Run a coroutine in the simulation's loop and return what it returns."""
        loop = self._loop
        if loop is None:
            work.close()
            raise RuntimeError("the world does not run")
        return asyncio.run_coroutine_threadsafe(work, loop).result(seconds)

    # thread

    def start(self) -> Self:
        """Listen; OSError if an address cannot be had."""
        if self._thread is not None:
            raise RuntimeError("already started")
        ready = Event()
        failures: list[OSError] = []
        self._thread = Thread(
            target=self._main, args=(ready, failures), name="cls-world", daemon=True
        )
        self._thread.start()
        ready.wait()
        if failures:
            self.stop()
            raise failures[0]
        return self

    def stop(self) -> None:
        """Close everything and wait for the thread; harmless twice."""
        thread, loop, ending = self._thread, self._loop, self._ending
        if thread is None:
            return
        if loop is not None and ending is not None and not loop.is_closed():
            loop.call_soon_threadsafe(ending.set)
        thread.join()
        self._thread = self._loop = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def now(self) -> datetime:
        """Return the world's time, aware, UTC."""
        return self.clock.now()

    def _make(self, key: str, **options: Any) -> Emt:
        if key in self.emts:
            raise ValueError(f"there is an EMT {key!r}")
        emt = Emt(key, self.pki, self.run, clock=self.clock, **options)
        self.emts[key] = emt
        return emt

    def _cut(self, key: str, how: str) -> int:
        return self.gateway.end_channels("cut", key=key, how=how)

    def _main(self, ready: Event, failures: list[OSError]) -> None:
        try:
            with asyncio.Runner(loop_factory=RealTimeLoop) as runner:
                runner.run(self._live(ready))
        except OSError as err:
            failures.append(err)
        finally:
            ready.set()

    async def _live(self, ready: Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        pages: web.AppRunner | None = None
        try:
            for emt in self.emts.values():
                await emt.start(self.host)
            await self.gateway.start()
            pages = await self._serve_pages()
            ready.set()
            await self._ending.wait()
        finally:
            if pages is not None:
                await pages.cleanup()
            await self.gateway.stop()
            for emt in self.emts.values():
                await emt.stop()

    async def _serve_pages(self) -> web.AppRunner | None:
        if self.console_port is None:
            return None
        app = web.Application(middlewares=[guard], client_max_size=1024 * 1024)
        app.add_routes([*Console(self).routes(), *Lab(self).routes()])
        app.add_routes(self.orders.routes())
        app.on_cleanup.append(self.orders.stop)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, self.console_host, self.console_port)
        await site.start()
        self.console_port = runner.addresses[0][1]
        return runner


async def _later[*A, T](work: Callable[[*A], T], *arguments: *A) -> T:
    """Call a function from within the loop."""
    return work(*arguments)
