"""The EMT's console in a browser, with a small home at the other end of a real tunnel."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect
import pytest

from simulator.cls import World
from tests.simulator.cls.device import Device
from tests.simulator.emt.house import House


@pytest.fixture
def world() -> Iterator[World]:
    """Return a world with a console."""
    with World(console_port=0, emts=("grid", "supplier")) as world:
        yield world


@pytest.fixture
def device() -> Iterator[Device]:
    """Return a device."""
    with Device() as device:
        yield device


@pytest.fixture
def console(chromium: Browser, world: World) -> Iterator[Page]:
    """Return the console; no error and no other address may come up."""
    context = chromium.new_context(
        base_url=world.console_url, viewport={"width": 1280, "height": 1400}
    )
    page = context.new_page()
    wrong: list[Any] = []
    page.on("pageerror", lambda error: wrong.append(error))  # noqa: PLW0108
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith(world.console_url) else wrong.append(asked.url)
        ),
    )
    page.goto("/")
    yield page
    assert wrong == []
    context.close()


def sent(house: House, path: str) -> list[Any]:
    """Return the bodies of writes to a path."""
    return [
        body
        for method, where, _, body in house.seen
        if method != "GET" and where == f"/cls/v1{path}"
    ]


def admit(page: Page, world: World, device: Device) -> None:
    """Let a home's certificate in, as the gateway's administrator does."""
    field = page.get_by_label("Certificate or SHA-256")
    field.fill(device.pem)
    expect(page.get_by_text(world.fingerprint)).to_be_visible()
    page.get_by_role("button", name="Admit", exact=True).click()
    expect(field).to_have_value("")


@pytest.fixture
def house(console: Page, world: World, device: Device) -> House:
    """Return a home that has come, as the console shows."""
    house = House()
    admit(console, world, device)
    device.serve(device.socks(world), house.handler)
    title = "1EMH0012345678 connected"
    expect(console.get_by_role("heading", name=title)).to_be_visible()
    return house


def test_commands(console: Page, house: House, artifacts: Path) -> None:
    """Switch, dim, send tables, release, and check the receipts."""
    page = console
    # what a home calls its things is text, never markup
    expect(page.get_by_text("<b>Boiler</b>")).to_be_visible()
    page.get_by_label("Items are set for").fill("5")
    page.get_by_role("button", name="Off").click()
    expect(page.get_by_role("status")).to_contain_text("possible: command")
    path = "/items/switch.boiler%2F1/commands"
    assert sent(house, path) == [{"value": False, "duration_s": 300}]

    page.get_by_label("Watts").first.fill("7000")
    page.get_by_role("button", name="Dim to 4.2 kW").click()
    expect(page.locator("#commands")).to_contain_text('"watts":"4200"')
    limit = {"direction": "consumption", "kind": "para14a", "watts": "4200"}
    assert sent(house, "/limits") == [{**limit, "duration_s": 900}]

    page.get_by_role("button", name="Send schedule").click()
    expect(page.locator("#commands")).to_contain_text('"slots"')
    (schedule,) = sent(house, "/schedules")
    assert [slot["watts"] for slot in schedule["slots"]] == ["4200"] * 4
    page.get_by_role("button", name="Send 24 hours of prices").click()
    expect(page.locator("#chart i")).to_have_count(24)
    expect(page.locator("#chart i.now")).to_have_count(1)

    page.locator("#release").click()
    # the release is a command as well
    expect(page.locator("#receipts").get_by_text("✔ good")).to_have_count(5)
    page.get_by_role("button", name="Verify all evidence").click()
    expect(page.locator("#verdict")).to_contain_text("nothing was changed")
    page.screenshot(path=artifacts / "console.png")


def test_what_goes_wrong(console: Page, world: World, house: House) -> None:
    """A refusal, changed evidence and a lost tunnel are told."""
    page = console
    house.refusal = (422, "out_of_bounds")
    page.locator("#limit button:not([type])").click()
    told = "Refused: out_of_bounds (item.value)"
    expect(page.get_by_role("status")).to_have_text(told)
    house.ledger.rows[-1]["data"]["point"] = "04" * 65
    page.get_by_role("button", name="Verify all evidence").click()
    expect(page.locator("#verdict")).to_contain_text("the hash is wrong")
    world.cut()
    title = "1EMH0012345678 not connected"
    expect(page.get_by_role("heading", name=title)).to_be_visible()
