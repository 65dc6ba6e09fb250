"""Home Assistant's own door."""

from pathlib import Path

from playwright.sync_api import Page, expect


def test_login(anonymous: Page, artifacts: Path) -> None:
    """The demo's user gets in."""
    page = anonymous
    page.goto("/")
    page.get_by_role("textbox", name="Username").fill("demo")
    page.get_by_role("textbox", name="Password").fill("demo")
    page.screenshot(path=artifacts / "login.png")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    expect(page.get_by_text("Welcome Demo")).to_be_visible()
    expect(page.locator("#ha-launch-screen")).to_have_count(0)
    page.screenshot(path=artifacts / "home.png")
