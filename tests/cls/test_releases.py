"""Releases: what they end, and what they answer where there is nothing to end."""

from uuid import UUID

import pytest

from .conftest import Desk
from .test_api import LIMIT


async def test_release_all(desk: Desk) -> None:
    """Back to normal: limits, items, tables."""
    emt = await desk.emt()
    await desk.lab.write(emt, "POST", "limits", LIMIT)
    on = {"value": True, "duration_s": 60}
    await desk.lab.write(emt, "POST", "items/cls.one/commands", on)
    assert len((await emt.ask("GET", "commands")).json["commands"]) == 2
    assert (await desk.lab.write(emt, "POST", "release")).status == 202
    assert (await emt.ask("GET", "commands")).json["commands"] == []


async def test_release_one(desk: Desk) -> None:
    """One command ends, the other goes on."""
    emt = await desk.emt()
    limit = await desk.lab.write(emt, "POST", "limits", LIMIT)
    on = {"value": True, "duration_s": 60}
    await desk.lab.write(emt, "POST", "items/cls.one/commands", on)
    path = f"commands/{limit.json['transaction_id']}/release"
    assert (await desk.lab.write(emt, "POST", path, {})).status == 202
    (left,) = (await emt.ask("GET", "commands")).json["commands"]
    assert "item" in left["command"]


@pytest.mark.parametrize(
    "path",
    [
        f"commands/{UUID(int=7)}/release",
        "items/switch.nowhere/release",
        "items/switch.heatpump/release",
        "release",
    ],
)
async def test_release_of_nothing(desk: Desk, path: str) -> None:
    """Taken and done, with a receipt that says that there was nothing; nobody else's command ends."""
    others = await desk.emt("grid")
    grid = LIMIT | {"kind": "para14a"}
    theirs = (await desk.lab.write(others, "POST", "limits", grid)).json
    emt = await desk.emt()
    known = path.replace(str(UUID(int=7)), theirs["transaction_id"])
    for where in {path, known}:
        told = await desk.lab.write(emt, "POST", where, {})
        assert (told.status, told.json["verdict"]) == (202, "possible")
        done = (await emt.ask("GET", told.headers["location"])).json
        assert done["end"] == "done"
        assert done["effect"]["reason"] == "already_there"
        (row,) = [row for row in done["history"] if row["kind"] == "ended"]
        assert row["data"]["released"] == []
        assert len(done["receipts"]) == 1
    assert desk.lab.bench.home.limit() == 4200
    (left,) = (await others.ask("GET", "commands")).json["commands"]
    assert left["transaction_id"] == theirs["transaction_id"]


async def test_release_twice(desk: Desk) -> None:
    """The second one finds nothing any more; what cannot be an id is refused."""
    emt = await desk.emt()
    limit = (await desk.lab.write(emt, "POST", "limits", LIMIT)).json["transaction_id"]
    for released, reason in (([limit], "commanded"), ([], "already_there")):
        told = await desk.lab.write(emt, "POST", f"commands/{limit}/release")
        done = (await emt.ask("GET", told.headers["location"])).json
        (row,) = [row for row in done["history"] if row["kind"] == "ended"]
        assert (row["data"]["released"], done["effect"]["reason"]) == (released, reason)
    told = await desk.lab.write(emt, "POST", "commands/1/release")
    assert (told.status, told.code) == (422, "invalid_id")
