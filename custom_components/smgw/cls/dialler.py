"""Tunnels that we open: to the gateway, and through it to one EMT (HKS3)."""

from datetime import timedelta
from typing import override

from .alerts import OWN_REFUSED
from .errors import ChannelError
from .model import ChannelPhase, TunnelKind
from .reasons import ChannelReason
from .stream import Stream, dial
from .tunnel import Tunnel

# Ended by the peer, not by us nor by a fault: this tells how long it lets a session live.
_PEERS_DOING = (ChannelReason.CLOSED_BY_PEER, ChannelReason.RESET_BY_PEER)


class Dialler(Tunnel):
    """Dials, serves, and dials again."""

    @override
    async def run(self) -> None:
        """Keep it up."""
        while True:
            self.tell(ChannelPhase.CONNECTING, next_try=None)
            timer = self.ports.timer
            up: float | None = None
            try:
                stream = await self.within(await self._dial())
                up = timer.monotonic()
                end = await self.serve(stream)
            except ChannelError as err:
                end = err
            if up is not None:
                lasted = timer.monotonic() - up
                self.back_off.lasted(lasted)
                if end.reason in _PEERS_DOING:
                    self.lifetime.cut(lasted)
            elif end.reason in OWN_REFUSED:
                self.other_own()
            if end.reason is ChannelReason.SESSION_LIMIT:
                continue
            pause = self.back_off.pause()
            next_try = self.ports.now().utc + timedelta(seconds=pause)
            self.failed(ChannelPhase.WAITING, end, next_try=next_try)
            await timer.sleep(pause)

    async def _dial(self) -> Stream:
        config = self.config
        assert config.gateway is not None
        assert config.destination is not None
        by_name = config.kind is TunnelKind.OUT_SNI
        return await dial(
            config.gateway,
            await self.context(server=False),
            self.own,
            server_name=config.destination.host if by_name else None,
            destination=None if by_name else config.destination,
        )
