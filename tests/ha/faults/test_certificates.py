"""Certificates: one that has expired may be confirmed, another one is never believed."""

import pytest

from homeassistant.config_entries import ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType

from .cases import TRUE, Case
from .makers import MAKERS
from .owner import Owner


def by_maker(fault: str) -> pytest.MarkDecorator:
    """Run a test with each maker whose gateway can do it."""
    return pytest.mark.parametrize(
        ("maker", "case"),
        [
            pytest.param(maker, Case(fault=fault), id=name)
            for name, maker in MAKERS.items()
            if fault in maker.gateway.fault_table
        ],
    )


@by_maker("certificate_expired")
async def test_added_though_expired(owner: Owner, case: Case) -> None:
    """The owner confirms these bytes, not their date: it is read, and an issue says so."""
    owner.switch_on(case)
    flow = await owner.starts_to_add()
    for _ in range(3):
        flow = await owner.fills_in(flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    for _ in range(2):
        assert owner.states == owner.expected(TRUE, {})
        assert owner.issues == {"certificate_expired"}
        await owner.until_it_is_read()

    # and when the operator has renewed it, it is another one, to be confirmed
    owner.switch_off()
    owner.gateway.clear_requests()
    await owner.next_reading()
    assert owner.issues == {"certificate_expired", "certificate_changed"}
    assert owner.gateway.requests == []


@by_maker("certificate_swapped")
async def test_swapped_while_the_owner_looks(owner: Owner, case: Case) -> None:
    """Between the look and the login: nothing is sent, and a new start succeeds."""
    flow = await owner.starts_to_add()
    for _ in range(2):
        flow = await owner.fills_in(flow)
    assert flow["step_id"] == "login"
    owner.switch_on(case)
    owner.gateway.clear_requests()
    flow = await owner.fills_in(flow)
    assert flow["errors"] == {"base": "certificate_changed"}
    assert owner.gateway.requests == []

    flow = await owner.starts_to_add()
    for _ in range(3):
        flow = await owner.fills_in(flow)
    assert flow["type"] is FlowResultType.CREATE_ENTRY
    assert owner.states == owner.expected(TRUE, {})


@by_maker("certificate_swapped")
async def test_swapped_for_good(owner: Owner, case: Case) -> None:
    """Until the owner accepts it in the reconfiguration; then all is back at once."""
    await owner.lives_with_it()
    await owner.next_reading(case)
    assert owner.sees_nothing
    assert owner.issues == {"certificate_changed"}
    assert owner.entry is not None
    flow = await owner.entry.start_reconfigure_flow(owner.hass)
    flow = await owner.hass.config_entries.flow.async_configure(
        flow["flow_id"], {"host": f"{owner.gateway.host}:{owner.gateway.port}"}
    )
    assert flow["step_id"] == "new_certificate"
    flow = await owner.hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert flow["reason"] == "reconfigure_successful"
    await owner.hass.async_block_till_done(wait_background_tasks=True)
    assert owner.entry.state is ConfigEntryState.LOADED
    await owner.until_it_is_read()
    assert owner.states == owner.expected(TRUE, {})
    assert owner.issues == set()
