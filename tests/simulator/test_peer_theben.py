"""The proof: a published client, unmodified, reads the simulated Theben.

theben-conexa-smgw lives in an environment of its own and runs as a program.
"""

from datetime import datetime
from decimal import Decimal
import json
from pathlib import Path
import subprocess
from typing import Any

import pytest

from simulator.theben import SCENARIOS, Account, ThebenGateway
from simulator.wordings import obis_hex

from .conftest import HOUSE, STAIRS, StartTheben

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers/bin/python"
SCRIPT = Path(__file__).parent / "peers/theben_read.py"


def run(
    gateway: ThebenGateway, user: str = "", password: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the client."""
    if not PYTHON.exists():
        pytest.fail("The published client is not installed: run script/setup")
    return subprocess.run(
        [
            *(str(PYTHON), str(SCRIPT), gateway.url.removeprefix("https://")),
            *(user or gateway.user, password or gateway.password),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check(
    gateway: ThebenGateway, done: subprocess.CompletedProcess[str], meter: str
) -> dict[str, Any]:
    """Compare the values read with the truth (the client calls J what is not Wh)."""
    assert done.returncode == 0, done.stderr[-2000:]
    read: dict[str, Any] = json.loads(done.stdout)
    codes = {obis_hex(r.obis): r.obis for r in gateway.scenario.meters[meter].registers}
    assert read["values"]
    for key, value in read["values"].items():
        at = datetime.fromisoformat(value["utcTimestamp"])
        truth = gateway.true_register(meter, codes[key], at) * 1000
        assert Decimal(value["value"]) == truth
        assert value["unit"] == "Wh"
    return read


@pytest.mark.parametrize("name", ["house", "one", "feed_in"])
def test_reads_everything(start_theben: StartTheben, name: str) -> None:
    """First call, gateway, usage points, channels, newest values."""
    gateway = start_theben(scenario=SCENARIOS[name]())
    meter = next(iter(gateway.scenario.meters)).id
    read = check(gateway, run(gateway), meter)
    assert gateway.gateway_id.lower() in json.dumps(read["info"]).lower()
    assert gateway.failed_logins == 0
    assert [r.action for r in gateway.requests if r.status == 200] == [
        *("smgw-info", "user-info", "usage-point-info", "readings")
    ]
    assert gateway.most_connections == 1


def test_both_directions(start_theben: StartTheben) -> None:
    """Import and export in one usage point, of an account that sees one meter."""
    users = {"haus": Account("pw", frozenset({HOUSE}))}
    gateway = start_theben("joined_directions", users=users)
    read = check(gateway, run(gateway, "haus", "pw"), HOUSE)
    assert set(read["values"]) == {"0100010800ff", "0100020800ff"}


def test_wrong_password(start_theben: StartTheben) -> None:
    """The client fails with a refusal, and with a dropped connection."""
    gateway = start_theben()
    assert "UnexpectedReturnCode" in run(gateway, password="wrong").stderr
    assert gateway.failed_logins >= 1
    gateway.faults.add("refuse_by_drop")
    assert "ServerDisconnectedError" in run(gateway, password="wrong").stderr
    assert gateway.logins == 0


def test_firmware_bug(start_theben: StartTheben) -> None:
    """A client that believes the challenge does not get in."""
    gateway = start_theben("digest_sha256_lie")
    assert run(gateway).returncode != 0
    gateway.faults.clear()
    gateway.faults.add("digest_sha256")
    check(gateway, run(gateway), STAIRS)
