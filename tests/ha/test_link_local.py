"""A gateway at a link-local IPv6 address inside Home Assistant."""

from collections.abc import Generator

import pytest

from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from tests.network import INTERFACE, LINK_LOCAL

from .test_config_flow import start, submit
from .test_doctor import check
from .test_ipv6 import add, gateway_link

pytestmark = pytest.mark.usefixtures("namespace")


@pytest.fixture
def box(namespace: None, ipv6: None, clock: SimClock) -> Generator[EmhGateway]:
    """A gateway at its link-local address."""
    with EmhGateway(clock=clock, host=LINK_LOCAL) as running:
        yield running


async def test_added(
    hass: HomeAssistant, box: EmhGateway, device_registry: dr.DeviceRegistry
) -> None:
    """The interface is kept; no browser could follow a link to the address."""
    result = await add(hass, box, f"[fe80::1%25{INTERFACE}]:{box.port}")
    assert result["data"][CONF_HOST] == LINK_LOCAL
    assert gateway_link(device_registry, result) is None
    report = await check(hass, result["result"])
    assert all(step["outcome"] == "ok" for step in report["steps"][:4])
    assert {r.host for r in box.requests} == {f"[fe80::1]:{box.port}"}


async def test_interface_that_does_not_exist(
    hass: HomeAssistant, box: EmhGateway
) -> None:
    """A typing error in the interface is named as such."""
    flow = await submit(hass, await start(hass), host=f"[fe80::1%eht0]:{box.port}")
    assert flow["errors"] == {"base": "interface_missing"}
