"""The gateway's CLS proxy: HAN listeners, HAN dialler, WAN leg, channels.

The order in which a CLS is judged: certificate known, SOCKS version, method and
command, destination in a profile of this certificate, a channel free, EMT there.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
import socket
from typing import Any

from simulator.clock import SimClock, real_seconds
from simulator.faults import FaultRequest, FaultSet
from simulator.hello import offers_renegotiation_info, peek_hello, refuse, server_name
from simulator.tls import Certificate
from simulator.tunnel.pki import MockPki, fingerprint
from simulator.tunnel.stream import SocketStream, TlsError, TlsStream
from simulator.tunnel.wire import Port, dial

from . import socks
from .faults import CLS_FAULTS
from .journal import Journal
from .profiles import Profile, ProfileTable
from .relay import Channel
from .showing import HanTls
from .talk import SocksTalk
from .wan import WanError, WanLeg

_UNRECOGNIZED_NAME = 112
_ILLEGAL_PARAMETER = 47
_LOOK = 0.1


class ClsGateway:
    """A gateway's CLS side; lives in one event loop.

    After ``start``: ``socks_port`` and ``sni_port`` at ``host``.
    """

    def __init__(
        self,
        pki: MockPki,
        *,
        host: str = "127.0.0.1",
        socks_port: int = 0,
        sni_port: int = 0,
        curve: str = "brainpoolP256r1",
        gateway_id: str = "ESIM0000000001",
        clock: SimClock | None = None,
        faults: Iterable[FaultRequest] = (),
        certificate: Certificate | None = None,
    ) -> None:
        """Prepare; nothing listens before ``start``."""
        self.host = host
        self.gateway_id = gateway_id
        self.clock = clock or SimClock()
        self.faults = FaultSet(CLS_FAULTS, self.clock, faults)
        self.journal = Journal(self.clock)
        self.profiles = ProfileTable()
        self.han = HanTls(gateway_id, curve, self.profiles, self.faults, certificate)
        self.wan_certificate = pki.leaf(f"{gateway_id}.SMGW")
        self._wan = WanLeg(pki, self.wan_certificate, self.faults)
        self.socks_port = socks_port
        self.sni_port = sni_port
        self._ports: list[Port] = []
        self._channels: dict[int, Channel] = {}
        self._opening: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_dial: dict[str, float] = {}

    @property
    def channels(self) -> list[Channel]:
        """Return the open channels, oldest first."""
        return list(self._channels.values())

    async def start(self) -> None:
        """Listen; OSError if an address cannot be had."""
        self._ports = [
            Port(self.host, self.socks_port, self._socks),
            Port(self.host, self.sni_port, self._sni),
        ]
        self.socks_port, self.sni_port = (port.port for port in self._ports)
        for port in self._ports:
            port.open()
        self._spawn(self._watch())

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for port in self._ports:
            await port.close()

    def put(self, profile: Profile) -> None:
        """Add or replace a profile."""
        self.profiles.put(profile)
        self.journal.add("profile", key=profile.key, scenario=profile.scenario)

    def remove(self, key: str) -> None:
        """Forget a profile and end its channels."""
        self.profiles.remove(key)
        self.end_channels("revoked", key=key)

    def end_channels(self, reason: str, *, key: str = "", how: str = "close") -> int:
        """End the channels of a profile, or all; return how many."""
        found = [row for row in self.channels if key in ("", row.profile.key)]
        for channel in found:
            channel.end(reason, how)
        return len(found)

    async def call(self, key: str) -> None:
        """Dial EMT and CLS of a profile (HKS4); OSError or WanError if that fails."""
        profile = self.profiles.get(key)
        if profile is None or profile.home is None:
            raise KeyError(key)
        wan = await self._to_wan(profile)
        try:
            han = await self._to_home(profile.home, profile.cls)
        except OSError as err:
            alert = err.alert if isinstance(err, TlsError) else None
            why = str(err) or type(err).__name__
            self.journal.add("dial_failed", profile=key, why=why, alert=alert)
            await wan.close()
            raise
        except BaseException:
            wan.abort()
            raise
        self._spawn(self._join(profile, han, wan, b""))

    async def _to_home(self, home: tuple[str, int], cls: str) -> TlsStream:
        under = await dial(home)
        try:
            if fault := self.faults.take("dial_silent"):
                await asyncio.sleep(float(fault["seconds"]))
            han = self.han.client(under, cls)
            await han.handshake()
        except BaseException:
            under.abort()
            raise
        return han

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # At once: one that is cancelled before it starts would close nothing.
        task = asyncio.create_task(work, eager_start=True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            for channel in self.channels:
                channel.look()
            for profile in self.profiles:
                if profile.every and real_seconds() >= self._next_dial.get(
                    profile.key, 0
                ):
                    self._next_dial[profile.key] = real_seconds() + profile.every
                    if not self._busy(profile):
                        self._spawn(self._call_quietly(profile.key))

    async def _call_quietly(self, key: str) -> None:
        with suppress(OSError, WanError):
            await self.call(key)

    # the HAN listener

    async def _socks(self, sock: socket.socket) -> None:
        han = await self._enter(sock, sni=False)
        if han is None:
            return
        talk = SocksTalk(han, self.faults)
        cls = fingerprint(han.peer)
        wan: TlsStream | None = None
        try:
            wanted = await talk.listen()
            profile = self.profiles.named(cls, wanted.host, wanted.port)
            reply = self._decide(profile)
            if reply is socks.Reply.OK and profile is not None:
                try:
                    wan = await self._to_wan(profile)
                except WanError as err:
                    reply = err.reply
            self.journal.add(
                "socks", reply=int(reply), host=wanted.host, port=wanted.port, cls=cls
            )
            early = await wan.read() if wan and talk.eager(profile) else b""
            await talk.answer(reply, early)
        except socks.SocksError as err:
            self.journal.add("socks", why=str(err), cls=cls)
            await talk.give_up(err.reply)
            return
        except BaseException:
            han.abort()
            if wan is not None:
                wan.abort()
            raise
        if profile is None or wan is None:
            await han.close()
            return
        await self._join(profile, han, wan, talk.rest)

    def _decide(self, profile: Profile | None) -> socks.Reply:
        if (fault := self.faults.take("socks_reply")) is not None:
            return socks.Reply(int(fault["code"]))
        if profile is None:
            return socks.Reply.NOT_ALLOWED
        if self._busy(profile) or self.faults.take("slots_full", profile.emt):
            return socks.Reply.FAILURE
        return socks.Reply.OK

    async def _sni(self, sock: socket.socket) -> None:
        han = await self._enter(sock, sni=True)
        if han is None:
            return
        name = (han.connection.get_servername() or b"").decode("ascii", "replace")
        profile = self.profiles.sni(name, fingerprint(han.peer))
        wan = None
        if profile is not None and not self._busy(profile):
            with suppress(WanError):
                wan = await self._to_wan(profile)
        if profile is None or wan is None:
            await han.close()
            return
        await self._join(profile, han, wan, b"")

    async def _enter(self, sock: socket.socket, *, sni: bool) -> TlsStream | None:
        """Shake hands with a CLS; None if it may not come in."""
        under = SocketStream(sock)
        if self.faults.take("han_reset"):
            under.abort()
            return None
        if self.faults.take("han_hang"):
            while await under.read():
                pass
            return None
        hello = await peek_hello(sock)
        if (alert := self._refusal(hello, sni=sni)) is not None:
            self.journal.add("han_refused", why="hello", alert=alert)
            await refuse(sock, alert)
            return None
        han = self.han.server(under, server_name(hello) if sni else "")
        try:
            await han.handshake()
        except OSError as err:
            alert = err.alert if isinstance(err, TlsError) else None
            why = str(err) or type(err).__name__
            self.journal.add("han_refused", why=why, alert=alert)
            await under.close()
            return None
        self.journal.add(
            "han_open",
            cls=fingerprint(han.peer),
            suite=han.connection.get_cipher_name(),
            curve=han.connection.get_group_name(),
        )
        if self.faults.take("han_renegotiate"):
            await han.renegotiate()
        return han

    def _refusal(self, hello: bytes, *, sni: bool) -> int | None:
        """Return the alert that answers a ClientHello, None to go on."""
        if fault := self.faults.take("han_alert"):
            return int(fault["code"])
        if offers_renegotiation_info(hello):
            if self.faults.take("han_renegotiation_info"):
                return _ILLEGAL_PARAMETER
        if sni and self.profiles.sni(server_name(hello)) is None:
            return _UNRECOGNIZED_NAME
        return None

    # channels

    def _busy(self, profile: Profile) -> bool:
        open_now = sum(row.profile.key == profile.key for row in self.channels)
        return open_now + self._opening.get(profile.key, 0) >= profile.parallel

    async def _to_wan(self, profile: Profile) -> TlsStream:
        self._opening[profile.key] = self._opening.get(profile.key, 0) + 1
        try:
            wan = await self._wan.open(profile)
        except WanError as err:
            self.journal.add(
                "wan_failed", profile=profile.key, why=str(err), alert=err.alert
            )
            raise
        finally:
            self._opening[profile.key] -= 1
        self.journal.add("wan_open", profile=profile.key)
        return wan

    async def _join(
        self, profile: Profile, han: TlsStream, wan: TlsStream, early: bytes
    ) -> None:
        channel = Channel(profile, han, wan, self.clock, self.faults)
        self._channels[channel.number] = channel
        self.journal.add("channel_open", channel=channel.number, profile=profile.key)
        reason = "gateway"
        try:
            reason = await channel.run(early)
        finally:
            del self._channels[channel.number]
            self.journal.add(
                "channel_closed",
                channel=channel.number,
                profile=profile.key,
                reason=reason,
                up=channel.up,
                down=channel.down,
                alert=channel.alert,
            )
