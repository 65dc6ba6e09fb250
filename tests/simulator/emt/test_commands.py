"""``script/emt`` with a home that is connected."""

from collections.abc import Callable
import json
from pathlib import Path
import subprocess
from typing import Any

import pytest

from simulator.cls import World
from simulator.emt.evidence import check_export
from tests.simulator.cls.conftest import StartWorld
from tests.simulator.cls.device import Device

from .house import House

ROOT = Path(__file__).parents[3]

type Emt = Callable[..., tuple[int, Any]]


@pytest.fixture
def world(begin: StartWorld) -> World:
    """Return a world with a console."""
    return begin(console_port=0)


@pytest.fixture
def emt(world: World, device: Device, house: House) -> Emt:
    """Return a function that runs ``script/emt``: its code, and what it said."""
    world.admit(device.pem)
    device.serve(device.socks(world), house.handler)
    world.emt.wait_home(10)

    def run(*words: str) -> tuple[int, Any]:
        done = subprocess.run(
            ["script/emt", "--url", world.console_url, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        text = done.stdout or done.stderr
        is_json = text[:1] in "[{" and words != ("audit",)
        return done.returncode, json.loads(text) if is_json else text

    return run


def newest(house: House) -> tuple[str, str, Any]:
    """Return method, path and body of the newest write."""
    found = [row for row in house.seen if row[3] is not None and "heart" not in row[1]]
    method, path, _, body = found[-1]
    return method, path.removeprefix("/cls/v1"), body


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (
            ("limit",),
            ("POST", "/limits", {"direction": "consumption", "kind": "para14a", "watts": "4200", "duration_s": 900}),
        ),
        (
            ("limit", "1000", "--direction", "production", "--kind", "para9", "--endless"),
            ("POST", "/limits", {"direction": "production", "kind": "para9", "watts": "1000", "until": None}),
        ),
        (
            ("set", "switch.boiler/1", "on", "--minutes", "0.5"),
            ("POST", "/items/switch.boiler%2F1/commands", {"value": True, "duration_s": 30}),
        ),
        (
            ("set", "number.x", "21.5", "--unit", "°C"),
            ("POST", "/items/number.x/commands", {"value": "21.5", "unit": "°C", "duration_s": 900}),
        ),
        (("release",), ("POST", "/limits/release", {"direction": "consumption"})),
        (
            ("failsafe", "--watts", "4200", "--minimum", "7200"),
            ("PUT", "/failsafe", {"direction": "consumption", "watts": "4200", "minimum_s": 7200}),
        ),
        (
            ("put-prices", "2026-11-20T10:00:00+00:00", "0.28"),
            (
                "PUT",
                "/prices",
                {"unit": "EUR/kWh", "slots": [{"from": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:15:00Z", "price": "0.28"}]},
            ),
        ),
        (
            ("schedule", "2026-11-20T10:00:00+00:00", "4200", "6000"),
            (
                "PUT",
                "/schedules",
                {
                    "direction": "consumption",
                    "kind": "para14a",
                    "slots": [
                        {"from": "2026-11-20T10:00:00Z", "until": "2026-11-20T10:15:00Z", "watts": "4200"},
                        {"from": "2026-11-20T10:15:00Z", "until": "2026-11-20T10:30:00Z", "watts": "6000"},
                    ],
                },
            ),
        ),
    ],
)  # fmt: skip
def test_writes(emt: Emt, house: House, words: tuple[str, ...], sent: Any) -> None:
    """What is typed becomes the call that docs/cls-api.md has for it."""
    code, told = emt(*words)
    assert (code, told["verdict"]) == (0, "possible")
    assert newest(house) == sent


def test_a_command_and_its_evidence(emt: Emt, world: World, house: House) -> None:
    """Dim, see it, release, have the receipt; changed evidence is code 1."""
    name = emt("limit")[1]["transaction_id"]
    assert emt("command", name)[1]["state"] == "active"
    assert [row["transaction_id"] for row in emt("commands")[1]["commands"]] == [name]
    other = emt("release-all")[1]["transaction_id"]
    assert all(world.emt.home.wait_receipt(each).good for each in (name, other))
    code, told = emt("verify")
    assert (code, told["good"], told["receipts"]) == (0, True, 2)
    code, receipts = emt("receipts")
    assert (code, len(receipts), receipts[0]["good"]) == (0, 2, True)
    assert check_export(emt("audit")[1], house.ledger.id).good
    house.ledger.rows[0]["data"]["format"] = "another"
    code, told = emt("verify")
    assert (code, told["good"]) == (1, False)


@pytest.mark.parametrize(
    "word", ["info", "things", "items", "limits", "schedules", "prices"]
)
def test_reads(emt: Emt, word: str) -> None:
    """Each question is answered."""
    code, told = emt(word)
    assert code == 0
    assert word == "info" or word in told


def test_refused(emt: Emt, house: House) -> None:
    """What the home refuses is code 1 and the home's own words."""
    house.refusal = (422, "out_of_bounds")
    assert emt("limit") == (
        1,
        {"code": "out_of_bounds", "where": "item.value", "status": 422},
    )


def test_which_home(emt: Emt) -> None:
    """A home is chosen by how its id begins, and by its EMT."""
    assert emt("--home", "1EMH", "--emt", "grid", "info")[0] == 0
    assert emt("--home", "2", "info") == (
        2,
        "emt: 0 homes fit: choose with --emt and --home\n",
    )
    assert emt("--emt", "supplier", "info")[0] == 2


def test_lost(emt: Emt, world: World) -> None:
    """A tunnel that broke is told."""
    world.cut()
    world.journal.wait("channel_closed")
    code, told = emt("items")
    assert (code, told["error"]) == (1, "no tunnel is open")
