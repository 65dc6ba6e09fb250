"""All tunnels of the home: each stands for itself, and only what changed is cut."""

import asyncio
from collections.abc import Iterable, Mapping

from .api import Api
from .dialler import Dialler
from .errors import BadConfig
from .listener import Listener
from .model import ChannelState, TunnelConfig
from .ports import ClsPorts
from .tunnel import Tunnel


class ClsRoom:
    """Tunnels by id. Make it in the event loop, after the authority has started."""

    def __init__(self, ports: ClsPorts) -> None:
        """Take what is needed; nothing is opened yet."""
        self._ports = ports
        self._api = Api(ports)
        self._tunnels: dict[str, Tunnel] = {}
        self._changing = asyncio.Lock()

    async def configure(self, configs: Iterable[TunnelConfig]) -> None:
        """Have these tunnels and no others; those that stay as they are go on undisturbed. Raises BadConfig."""
        wanted = {config.tunnel_id: config for config in configs}
        _check_apart(wanted)
        async with self._changing:
            await self._change(wanted)

    async def _change(self, wanted: Mapping[str, TunnelConfig]) -> None:
        gone = [t for name, t in self._tunnels.items() if wanted.get(name) != t.config]
        # All of them before any is opened: one may take the place of another.
        await asyncio.gather(*(tunnel.close() for tunnel in gone))
        for tunnel in gone:
            del self._tunnels[tunnel.config.tunnel_id]
        for tunnel_id, config in wanted.items():
            if tunnel_id not in self._tunnels:
                kind = Dialler if config.kind.dials else Listener
                self._tunnels[tunnel_id] = kind(config, self._ports, self._api)
                self._tunnels[tunnel_id].start()

    async def close(self) -> None:
        """End all tunnels. Close the authority after this."""
        await self.configure(())

    @property
    def states(self) -> Mapping[str, ChannelState]:
        """Return how the tunnels stand, by id."""
        return {tunnel_id: tunnel.state for tunnel_id, tunnel in self._tunnels.items()}


def _check_apart(configs: Mapping[str, TunnelConfig]) -> None:
    """Refuse what could not be told apart: two tunnels on one port, or to one EMT through one gateway (R2.4)."""
    seen: set[object] = set()
    for config in configs.values():
        if config.place in seen:
            raise BadConfig("listen" if config.listen is not None else "destination")
        seen.add(config.place)
