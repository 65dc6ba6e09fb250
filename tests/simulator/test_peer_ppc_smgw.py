"""The proof: a published client, unmodified, reads the simulated gateway.

py-ppc-smgw lives in an environment of its own and runs as a program.
"""

from datetime import datetime
from decimal import Decimal
import json
from pathlib import Path
import subprocess
from typing import Any

import pytest

from simulator.clock import BERLIN
from simulator.ppc import PpcGateway

from .conftest import HOUSE, Start

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers/bin/python"
SCRIPT = Path(__file__).parent / "peers/ppc_smgw_read.py"


def run(gateway: PpcGateway, password: str = "") -> subprocess.CompletedProcess[str]:
    """Run the client."""
    if not PYTHON.exists():
        pytest.fail("The published client is not installed: run script/setup")
    return subprocess.run(
        [
            *(str(PYTHON), str(SCRIPT), f"{gateway.url}/cgi-bin/hanservice.cgi"),
            *(gateway.user, password or gateway.password),
            *("2025-10-25", "2025-10-27"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check(gateway: PpcGateway, read: dict[str, Any]) -> None:
    """Compare everything read with the truth."""
    meters = {meter.logical_name: meter for meter in gateway.scenario.meters}
    assert list(read["meters"]) == list(meters)
    for name, seen in read["meters"].items():
        meter = meters[name]
        codes = [register.obis for register in meter.registers]
        assert seen["captured"] == list(seen["readings"]) == codes
        assert seen["interval"] == meter.interval
        for obis, (value, stamp) in seen["readings"].items():
            at = datetime.fromisoformat(stamp).replace(tzinfo=BERLIN)
            assert gateway.true_register(meter.id, obis, at) == Decimal(value)
        assert len(seen["history"]) == 73 * 3600 // meter.interval * len(codes)
        for obis, value, scaler, unit, status, stamp in seen["history"]:
            if status != 0:
                continue
            kilo = 1000 if unit == 30 else 1
            number = Decimal(str(value)).scaleb(scaler) / kilo
            at = datetime.fromisoformat(stamp)
            assert gateway.true_register(meter.id, obis, at) == number


@pytest.mark.parametrize("faults", [(), ("cell_empty", "double_quotes", "raw_umlauts")])
def test_reads_everything(start: Start, faults: tuple[str, ...]) -> None:
    """Login, versions, meters, newest values, three days of history, logout."""
    gateway = start(*faults)
    done = run(gateway)
    assert done.returncode == 0, done.stderr[-2000:]
    read = json.loads(done.stdout)
    assert read["versions"] == {"smgw-bootstream": "21929", "smgw-services": "21929"}
    check(gateway, read)
    assert gateway.logins == 1
    assert gateway.open_sessions == 0
    assert gateway.requests[-1].action == "logout"
    assert [r.status for r in gateway.requests].count(401) == 1
    assert HOUSE in gateway.scenario.meters


def test_wrong_password(start: Start) -> None:
    """The client reports the refusal; the gateway counts it."""
    gateway = start()
    done = run(gateway, "wrong")
    assert done.returncode != 0
    assert "LoginFailedError" in done.stderr
    assert gateway.failed_logins >= 1
    assert gateway.logins == 0


def test_session_in_use(start: Start) -> None:
    """The client sees a page without a cookie."""
    gateway = start("session_in_use")
    done = run(gateway)
    assert "no session cookie" in done.stderr
    assert gateway.failed_logins == 0
