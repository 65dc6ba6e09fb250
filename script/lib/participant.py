"""The market participant of the demo: a gateway's CLS proxy with an EMT, added through Home Assistant's own flow."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import aiohttp
from gateways import READY_TIMEOUT, GatewayError
from ha_client import HAClient, HAError
from ha_process import ROOT, port_is_free, start, stop

FLOW = "/api/config/config_entries/subentries/flow"
EMT = "grid"
SOCKS_PORT, SNI_PORT, CONSOLE_PORT = 9443, 9444, 9480
# Our own certificate, for the simulator's next start with a kept config folder.
OWN = "cls-demo.pem"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running CLS proxy with its EMT and console."""

    told: dict[str, Any]
    process: Process

    @property
    def console(self) -> str:
        """Return where a browser finds the EMT."""
        return str(self.told["console"])

    async def admit(self, certificate: str) -> None:
        """Let the gateway know a home, as the metering operator does."""
        profile = {"cls": certificate, "emt": EMT, "key": "demo"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.console}/lab/profiles", json=profile) as answer,
        ):
            if answer.status != 201:
                raise GatewayError(f"the gateway does not admit: {answer.status}")


async def start_proxy(config: Path, log: Path) -> Proxy:
    """Start proxy, EMT and console; a kept config folder keeps certificates."""
    command = [str(ROOT / "script" / "simulator"), "cls", "--emt", EMT]
    for name, port in (
        ("--socks-port", SOCKS_PORT),
        ("--sni-port", SNI_PORT),
        ("--console-port", CONSOLE_PORT),
    ):
        command += [name, str(port if port_is_free(port) else 0)]
    command += ["--certificate", str(config / "cls-gateway.pem")]
    if (config / OWN).exists():
        command += ["--cls", str(config / OWN)]
    process = await start(command, log, pipe=True)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT)
        return Proxy(told=json.loads(line), process=process)
    except BaseException as err:
        await stop(process)
        if isinstance(err, (TimeoutError, ValueError)):
            raise GatewayError(f"the CLS proxy did not start: {log}") from err
        raise


async def add_participant(
    ha: HAClient, entry_id: str, proxy: Proxy, config: Path
) -> None:
    """Add the grid operator and a CLS switch, unless they are there already."""
    if await _subentries(ha, entry_id, "participant"):
        return
    await _grid_operator(ha, entry_id, proxy, config)
    (participant,) = await _subentries(ha, entry_id, "participant")
    switch = {"name": "CLS switch", "participants": [participant], "rest": "off"}
    _check_end(await _answer(ha, await _begin(ha, entry_id, "switch"), switch))


async def _grid_operator(
    ha: HAClient, entry_id: str, proxy: Proxy, config: Path
) -> None:
    (emt,) = proxy.told["emts"]
    step = await _begin(ha, entry_id, "participant")
    for user_input in (
        {"name": "Demo grid operator", "role": "grid_operator", "silence": 120},
        {"next_step_id": "out_socks"},
        {
            "host": proxy.told["host"],
            "port": proxy.told["socks_port"],
            "emt_host": emt["name"],
            "emt_port": emt["port"],
        },
        {"peers": proxy.told["certificate"]},
        {"next_step_id": "identity_new"},
        {"common_name": "demo"},
    ):
        step = await _answer(ha, step, user_input)
    (field,) = step["data_schema"]
    own = field["description"]["suggested_value"]
    (config / OWN).write_text(own, encoding="ascii")
    await proxy.admit(own)
    for user_input in (
        {},
        {"next_step_id": "grant_limit"},
        {"direction": "consumption", "failsafe": 4200},
        {"next_step_id": "grant_limit"},
        {"direction": "production"},
        {"next_step_id": "grant_prices"},
        {"prices": True},
        {"next_step_id": "review"},
        {},
    ):
        step = await _answer(ha, step, user_input)
    _check_end(step)


async def _begin(ha: HAClient, entry_id: str, kind: str) -> dict[str, Any]:
    step: dict[str, Any] = await ha.rest("POST", FLOW, {"handler": [entry_id, kind]})
    return step


async def _answer(
    ha: HAClient, step: dict[str, Any], user_input: dict[str, Any]
) -> dict[str, Any]:
    if step["type"] not in ("form", "menu") or step.get("errors"):
        raise HAError(f"adding a participant: {step.get('errors') or step['type']}")
    answer: dict[str, Any] = await ha.rest(
        "POST", f"{FLOW}/{step['flow_id']}", user_input
    )
    return answer


def _check_end(step: dict[str, Any]) -> None:
    if step["type"] != "create_entry":
        raise HAError(f"adding a participant: {step.get('errors') or step['type']}")


async def _subentries(ha: HAClient, entry_id: str, kind: str) -> list[str]:
    found = await ha.ws("config_entries/subentries/list", entry_id=entry_id)
    return [one["subentry_id"] for one in found if one["subentry_type"] == kind]
