"""A gateway whose certificate has changed, repaired through Home Assistant's pages."""

from collections.abc import Iterator
import json
from pathlib import Path
import re

from home import Home
from playwright.sync_api import Page, expect
import pytest

from simulator.theben import ThebenGateway


@pytest.fixture
def theben(home: Home) -> Iterator[ThebenGateway]:
    """Return a gateway, set up beside the other one."""
    with ThebenGateway() as gateway:
        forms = (
            {"host": gateway.url},
            {},
            {"next_step_id": "login"},
            {"username": gateway.user, "password": gateway.password},
        )
        home.call(lambda ha: ha.add_integration("smgw", *forms))
        yield gateway
        home.remove_entry(gateway.gateway_id)


def forget_sessions(home: Home, gateway: ThebenGateway) -> None:
    """Take away what is kept about sessions, so that the next start reads again."""
    path = home.config / ".storage" / f"smgw.{gateway.gateway_id.lower()}"
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["data"] |= {"sessions": [], "seen": {}, "logins": {}}
    path.write_text(json.dumps(stored), encoding="utf-8")


def issues(home: Home) -> list[str]:
    """Return our repair issues."""
    found = home.call(lambda ha: ha.ws("repairs/list_issues"))["issues"]
    return [issue["translation_key"] for issue in found if issue["domain"] == "smgw"]


def states(home: Home, gateway: ThebenGateway) -> set[str]:
    """Return the states of a gateway's registers for grid import."""
    names = home.call(lambda ha: ha.entity_ids("smgw"))
    found = home.call(lambda ha: ha.rest("GET", "/api/states"))
    ours = {
        entity_id
        for unique_id, entity_id in names.items()
        if unique_id.startswith(gateway.gateway_id) and unique_id.endswith(":1.8.0")
    }
    return {state["state"] for state in found if state["entity_id"] in ours}


def test_a_changed_certificate(
    page: Page, home: Home, theben: ThebenGateway, artifacts: Path
) -> None:
    """The repair issue shows both fingerprints, and reading goes on once confirmed."""
    old = theben.fingerprint
    theben.rotate_certificate()
    home.restart(lambda: forget_sessions(home, theben))
    home.wait_for(lambda: issues(home) == ["certificate_changed"])
    assert states(home, theben) == {"unavailable"}

    page.goto("/config/repairs")
    issue = page.get_by_text(re.compile(f"{theben.gateway_id} shows another"))
    issue.first.click()
    dialog = page.locator("dialog-data-entry-flow, dialog-repairs-issue")
    expect(dialog.get_by_text(old)).to_be_visible()
    expect(dialog.get_by_text(theben.fingerprint)).to_be_visible()
    page.screenshot(path=artifacts / "repair-1-certificate.png")
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog.get_by_text(re.compile("repaired", re.IGNORECASE))).to_be_visible()
    page.screenshot(path=artifacts / "repair-2-done.png")

    home.wait_for(lambda: "unavailable" not in states(home, theben))
    assert issues(home) == []
    # It was told once, with the reason.
    assert all("another certificate" in line for line in home.new_complaints())
