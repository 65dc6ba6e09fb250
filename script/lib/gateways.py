"""The simulated gateways of the demo, each a process of its own."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from dataclasses import dataclass
import json
from pathlib import Path

from ha_process import ROOT, port_is_free, start, stop

READY_TIMEOUT = 60


class GatewayError(Exception):
    """A simulated gateway did not start."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running simulated gateway and what one needs to add it."""

    vendor: str
    url: str
    gateway_id: str
    fingerprint: str
    user: str
    password: str
    process: Process

    @property
    def address(self) -> str:
        """Return host and port, as typed into the set-up form."""
        return self.url.removeprefix("https://")


async def start_gateway(vendor: str, port: int, log: Path, *arguments: str) -> Gateway:
    """Start a maker's gateway at this port, or at any if somebody else has it."""
    if not port_is_free(port):
        port = 0
    command = [str(ROOT / "script" / "simulator"), vendor, "--host", "127.0.0.1"]
    process = await start([*command, "--port", str(port), *arguments], log, pipe=True)
    try:
        return Gateway(**await _ready(process), process=process)
    except BaseException as err:
        await stop(process)
        if isinstance(err, (TimeoutError, ValueError)):
            raise GatewayError(f"a simulated gateway did not start: {log}") from err
        raise


async def _ready(process: Process) -> dict[str, str]:
    """Return the line that a gateway prints when it listens."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT)
    ready: dict[str, str] = json.loads(line)
    return ready


def table(groups: list[tuple[str, list[Gateway]]]) -> str:
    """Return what the demo prints about its gateways."""
    lines = []
    for title, gateways in groups:
        lines.append(f"  {title}")
        for gateway in gateways:
            lines += _describe(gateway)
    return "\n".join(lines)


def _describe(gateway: Gateway) -> list[str]:
    return [
        f"    gateway      {gateway.gateway_id} ({gateway.vendor.upper()})",
        f"    address      {gateway.address}",
        f"    user         {gateway.user}",
        f"    password     {gateway.password}",
        f"    fingerprint  {gateway.fingerprint}",
        "",
    ]
