"""Pauses that are over soon."""

import asyncio


class HastyTimer:
    """The tunnels' time: real, but nobody waits for long."""

    def monotonic(self) -> float:
        """Return the seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(min(seconds / 1000, 0.05))
