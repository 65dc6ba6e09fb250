"""Against the simulated proxy and EMT, which were written from the page alone: each is a process of its own."""

import asyncio
from collections.abc import AsyncGenerator
import json
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from custom_components.smgw.cls.model import (
    ChannelPhase,
    Endpoint,
    TunnelConfig,
    TunnelKind,
)

from .conftest import Lab, MakeLab

ROOT = Path(__file__).parents[2]
_OPENSSL = {"secp256r1": "prime256v1"}


async def _run(*args: str) -> Any:
    """Return what the EMT's command line answers."""
    process = await asyncio.create_subprocess_exec(
        ROOT / "script" / "emt",
        *args,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (args, err.decode()[-400:])
    return json.loads(out)


@pytest.fixture
async def lab(make_lab: MakeLab, curve: str) -> Lab:
    """A lab on a curve."""
    return await make_lab(curve)


@pytest.fixture
async def proxy(lab: Lab, curve: str, tmp_path: Path) -> AsyncGenerator[dict[str, Any]]:
    """A gateway's CLS proxy with an EMT behind it, and what it says of itself."""
    ours = tmp_path / "ours.pem"
    ours.write_text(lab.own.for_operator)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "cls", "--emt", "grid",
        "--cls", str(ours), "--curve", _OPENSSL.get(curve, curve),
        "--socks-port", "0", "--sni-port", "0", "--console-port", "0",
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(b"{"):
            yield json.loads(line)
            break
    process.terminate()
    await process.wait()


@pytest.mark.parametrize(
    ("kind", "curve"),
    [(TunnelKind.OUT_SOCKS, "brainpoolP256r1"), (TunnelKind.OUT_SNI, "secp256r1")],
)
async def test_dim_switch_and_verify(
    lab: Lab, proxy: dict[str, Any], kind: TunnelKind
) -> None:
    """From the EMT's command line through the proxy to the home, and to a proof that holds."""
    (emt,) = proxy["emts"]
    port = proxy["socks_port" if kind is TunnelKind.OUT_SOCKS else "sni_port"]
    config = TunnelConfig(
        tunnel_id="t",
        participant_id="grid",
        kind=kind,
        peers=(proxy["fingerprint"],),
        own=lab.own,
        gateway=Endpoint(proxy["host"], port),
        destination=Endpoint(emt["name"], emt["port"]),
    )
    await lab.room.configure([config])
    await lab.until(lambda state: state.last_contact is not None)
    console = ("--url", proxy["console"])
    taken = await _run(*console, "limit", "4200", "--minutes", "30")
    assert taken["verdict"] == "possible"
    assert lab.bench.home.limit() == 4200
    await _run(*console, "set", "switch.boiler", "on", "--minutes", "5")
    await lab.bench.settle()
    assert lab.bench.home.values["switch.boiler"] is True
    await _run(*console, "release-all")
    assert lab.bench.home.limit() is None
    found = await _run(*console, "verify")
    assert found["good"] is True
    assert found["receipts"] == 3
    assert lab.room.states["t"].phase is ChannelPhase.UP
