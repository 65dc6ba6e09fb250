"""What the owner sees of a gateway: integration page, gateway, meters."""

from pathlib import Path
import re

from home import Home
from playwright.sync_api import Page, expect

from simulator.ppc import PpcGateway

# the numbers of the screen that started this project
STAIRWELL = "1ESY0060178981"
STAIRWELL_KWH = "245.754 kWh"


def open_device(page: Page, home: Home, name: str) -> None:
    """Go to a device's page; rows of the list of devices move while it fills in."""
    devices = home.call(lambda ha: ha.ws("config/device_registry/list"))
    device = next(device for device in devices if device["name"] == name)
    page.goto(f"/config/devices/device/{device['id']}")


def test_integration_page(page: Page, added: PpcGateway, artifacts: Path) -> None:
    """The integration shows its gateway and the meters behind it."""
    page.goto("/config/integrations/integration/smgw")
    expect(page.get_by_text(added.gateway_id).first).to_be_visible()
    page.screenshot(path=artifacts / "integration.png")


def test_gateway_page(
    page: Page, home: Home, added: PpcGateway, artifacts: Path
) -> None:
    """The gateway tells maker, firmware and what it says of itself."""
    open_device(page, home, f"SMGW {added.gateway_id}")
    expect(page.get_by_text(re.compile("Power Plus Communications"))).to_be_visible()
    expect(
        page.get_by_text(re.compile(f"Serial number: {added.gateway_id}"))
    ).to_be_visible()
    expect(page.get_by_text(re.compile("21929")).first).to_be_visible()
    facts = page.locator("ha-device-entities-card").filter(has_text="Firmware")
    expect(facts).to_contain_text("Gateway time")
    expect(facts).to_contain_text("Last time synchronization")
    page.wait_for_timeout(1000)  # the logbook card fills in
    page.screenshot(path=artifacts / "gateway.png")


def test_meter_page(page: Page, home: Home, added: PpcGateway, artifacts: Path) -> None:
    """The meter shows its register, to the watt-hour, and the gateway that it hangs on."""
    open_device(page, home, f"Electricity meter {STAIRWELL}")
    expect(
        page.get_by_text(
            re.compile(f"Connected via.*{added.gateway_id}", re.DOTALL)
        ).first
    ).to_be_visible()
    registers = page.locator("ha-device-entities-card").filter(has_text="Grid import")
    expect(registers).to_contain_text(STAIRWELL_KWH)
    page.wait_for_timeout(1000)
    page.screenshot(path=artifacts / "meter.png")
