"""Gateways whose certificate does not say which one it is."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from simulator.clock import SimClock
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from simulator.tls import self_signed

from .test_config_flow import (
    assert_created,
    log_in,
    reconfigure,
    start,
    submit,
    to_certificate,
)

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
def unnamed(clock: SimClock) -> Any:
    """Return a PPC gateway with a certificate of no number."""
    with PpcGateway(clock=clock, certificate=self_signed("gateway.local")) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("gateway", "invalid_gateway_id"),
        ("1EMH0012345678", "invalid_gateway_id"),
        ("ELGZ0012345678", "unsupported_vendor"),
    ],
)
async def test_its_number_is_asked(
    hass: HomeAssistant, unnamed: PpcGateway, number: str, error: str
) -> None:
    """The owner reads it from the device; what is no such number is told."""
    flow = await to_certificate(hass, unnamed)
    assert (flow["step_id"], flow["errors"]) == ("number", None)

    flow = await submit(hass, flow, number=number)
    assert (flow["step_id"], flow["errors"]) == ("number", {"base": error})

    flow = await submit(hass, flow, number="e ppc 02 10123456")
    assert flow["step_id"] == "certificate"
    assert flow["description_placeholders"]["fingerprint"] == unnamed.fingerprint
    flow = await submit(hass, flow)
    assert_created(await log_in(hass, flow, unnamed), unnamed)
    assert unnamed.logins == 1


async def test_no_gateway_behind_it(hass: HomeAssistant, clock: SimClock) -> None:
    """Nobody is asked for the number of something that does not answer like a gateway."""
    with PpcGateway(clock=clock, certificate=self_signed("gateway.local")) as unnamed:
        unnamed.faults.add("garbage")
        flow = await to_certificate(hass, unnamed)
        assert (flow["step_id"], flow["errors"]) == ("user", {"base": "not_a_gateway"})


async def test_an_alternative_name_is_enough(
    hass: HomeAssistant, clock: SimClock
) -> None:
    """The number may stand in the subject's alternative names."""
    certificate = self_signed(
        "gateway", curve="secp384r1", san=("smgw.local", "ethe0300123456.sm")
    )
    with ThebenGateway(
        clock=clock, gateway_id="ETHE0300123456", certificate=certificate
    ) as gateway:
        flow = await submit(
            hass, await start(hass), host=f"{gateway.host}:{gateway.port}"
        )
    assert flow["step_id"] == "certificate"
    assert flow["description_placeholders"]["gateway_id"] == "ETHE0300123456"


async def test_known_gateway_without_a_name(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    unnamed: PpcGateway,
) -> None:
    """A gateway that is known is not asked for its number, only for its new certificate."""
    flow = await reconfigure(hass, loaded, f"{unnamed.host}:{unnamed.port}")
    assert flow["step_id"] == "new_certificate"
    assert flow["description_placeholders"]["old"] == gateway.fingerprint
    assert flow["description_placeholders"]["new"] == unnamed.fingerprint
    result = await submit(hass, flow)
    assert (result["type"], result["reason"]) == (
        FlowResultType.ABORT,
        "reconfigure_successful",
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert loaded.state is ConfigEntryState.LOADED
