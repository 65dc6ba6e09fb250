"""One tunnel: its state, and what both kinds of it share."""

from abc import ABC, abstractmethod
import asyncio
from datetime import timedelta
import logging
import ssl

from . import tls
from .api import Api
from .backoff import BackOff, Lifetime
from .errors import ChannelError
from .identity import Identity
from .model import ChannelPhase, ChannelState, TunnelConfig
from .ports import ClsPorts
from .reasons import ChannelReason
from .session import Session
from .stream import Stream, inner_tls

_LOGGER = logging.getLogger(__name__)
_TELL = 5.0
"""Seconds between two reports that the EMT was heard."""


class Tunnel(ABC):
    """Keeps one tunnel up. Subclasses say how a stream comes about."""

    def __init__(self, config: TunnelConfig, ports: ClsPorts, api: Api) -> None:
        """Take what is needed; `start` begins."""
        self.config = config
        self.ports = ports
        self.api = api
        self.back_off = BackOff(ports.chance)
        self.lifetime = Lifetime(ports.chance)
        self.state = ChannelState(
            tunnel_id=config.tunnel_id,
            participant_id=config.participant_id,
            since=ports.now().utc,
        )
        self._own = config.own
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._told = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(
            self._guarded(), name=f"smgw tunnel {self.config.tunnel_id}"
        )

    async def close(self) -> None:
        """End, and wait until it has ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @abstractmethod
    async def run(self) -> None:
        """Keep it up for ever."""

    async def _guarded(self) -> None:
        while True:
            try:
                await self.run()
            except Exception:
                # A fault of ours in one tunnel: it is tried again, and the others never notice.
                _LOGGER.exception("Tunnel %s failed", self.config.tunnel_id)
            pause = self.back_off.pause()
            next_try = self.ports.now().utc + timedelta(seconds=pause)
            err = ChannelError(ChannelReason.INTERNAL)
            self.failed(ChannelPhase.STOPPED, err, next_try=next_try)
            await self.ports.timer.sleep(pause)

    async def context(self, *, server: bool) -> ssl.SSLContext:
        """Return the outer TLS with the certificate of ours that is tried now. Raises ChannelError."""
        own = self._own
        if own.certificate not in self._contexts:
            made = await asyncio.get_running_loop().run_in_executor(
                None,
                lambda: tls.context(
                    own,
                    self.config.peers,
                    lambda: self.ports.now().utc,
                    server=server,
                ),
            )
            self._contexts[own.certificate] = made
        return self._contexts[own.certificate]

    @property
    def own(self) -> Identity:
        """Return the certificate of ours that is tried now."""
        return self._own

    def other_own(self) -> None:
        """Try the other certificate of ours next time, if there are two."""
        if self.config.next_own is not None:
            first = self._own is self.config.own
            self._own = self.config.next_own if first else self.config.own

    async def within(self, stream: Stream) -> Stream:
        """Return the stream that the EMT talks on: inside the inner TLS, if there is one. Raises ChannelError."""
        if self.config.inner is None:
            return stream
        return await inner_tls(
            stream, self._own, self.config.inner, lambda: self.ports.now().utc
        )

    async def serve(self, stream: Stream) -> ChannelError:
        """Serve a stream until it ends; return why it has."""
        session = Session(self.config, stream, self.ports, self.api, self.heard)
        planned = self.lifetime.planned()
        renew_at = self.ports.now().utc + timedelta(seconds=planned)
        self.tell(
            ChannelPhase.UP,
            reason=None,
            detail="",
            next_try=None,
            renew_at=renew_at,
            peer_fingerprint=stream.outer.fingerprint,
            peer_expires=stream.outer.not_after,
            inner_expires=None if stream.inner is None else stream.inner.not_after,
            own_fingerprint=stream.own.fingerprint,
            own_expires=stream.own.not_after,
        )
        return await session.serve(planned)

    def heard(self) -> None:
        """Note that the EMT was heard; told now and then only."""
        now = self.ports.timer.monotonic()
        self.state = self.state.but(last_contact=self.ports.now().utc)
        if now - self._told >= _TELL:
            self._told = now
            self.ports.changed(self.state)

    def tell(self, phase: ChannelPhase, **facts: object) -> None:
        """Show another state."""
        if phase is not self.state.phase:
            facts["since"] = self.ports.now().utc
        before, self.state = self.state, self.state.but(phase=phase, **facts)
        if self.state != before:
            self.ports.changed(self.state)

    def failed(self, phase: ChannelPhase, err: ChannelError, **facts: object) -> None:
        """Show why it is not up."""
        _LOGGER.info("Tunnel %s: %s", self.config.tunnel_id, err)
        self.tell(phase, reason=err.reason, detail=err.detail, renew_at=None, **facts)
