"""Every fault of the simulated gateways stands in a test of the client."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from simulator.emh import EmhGateway
from simulator.faults import FaultInfo
from simulator.theben import ThebenGateway

SHARED = ("test_json_login.py", "test_silent_logins.py")


@pytest.mark.parametrize(
    ("faults", "modules"),
    [
        (
            ThebenGateway.fault_table,
            (*SHARED, "test_theben_driver.py", "test_theben_failures.py"),
        ),
        (EmhGateway.fault_table, (*SHARED, "test_emh_driver.py")),
    ],
    ids=["theben", "emh"],
)
def test_every_fault(faults: Mapping[str, FaultInfo], modules: tuple[str, ...]) -> None:
    """A fault that is new is one that nobody has tried."""
    text = "".join((Path(__file__).parent / name).read_text() for name in modules)
    assert [fault for fault in faults if f'"{fault}"' not in text] == []
