"""Somebody starts a self-test in a browser: the gateway is away, and comes back."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator.box_client import ThebenClient
from tests.simulator.client import HanClient

from .cases import LAST, TRUE, Case
from .makers import MAKERS
from .owner import Owner


def in_a_browser(gateway: Any) -> None:
    """Press the button of a PPC gateway."""
    client = HanClient(gateway)
    client.login()
    assert client.post("selftest").status == 200
    client.connection.close()


def by_a_program(gateway: Any) -> None:
    """Call the method of a Theben."""
    client = ThebenClient(gateway)
    assert client.call("self-test").status == 200
    client.connection.close()


STARTERS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "ppc": ("selftest_outage", in_a_browser),
    "theben": ("self_test_outage", by_a_program),
}


@pytest.mark.parametrize(
    ("maker", "case", "start"),
    [
        pytest.param(
            MAKERS[name], Case(fault=fault, params={"seconds": 1000}), start, id=name
        )
        for name, (fault, start) in STARTERS.items()
    ],
)
async def test_away_for_a_self_test(
    owner: Owner, case: Case, start: Callable[[Any], None]
) -> None:
    """One reading fails for want of a connection; the next one is good."""
    await owner.lives_with_it()
    owner.switch_on(case)
    await owner.hass.async_add_executor_job(start, owner.gateway)
    await owner.next_reading()
    assert owner.sees_nothing
    ((level, line),) = owner.log
    assert level == "ERROR"
    assert "no encrypted connection" in line
    await owner.until_it_is_read()
    await owner.next_reading()
    assert owner.states == owner.expected(TRUE, {})
    assert owner.gateway.failed_logins == 0


@pytest.mark.parametrize(
    ("maker", "case"),
    [(MAKERS["ppc"], Case(fault="han_hang"))],
    ids=["ppc"],
)
async def test_cures_a_hang(owner: Owner, case: Case) -> None:
    """Values that stand still are shown as old as they are, until the self-test."""
    await owner.lives_with_it()
    before = owner.states
    owner.switch_on(case)
    for _ in range(4):
        await owner.next_reading()
        assert owner.states == owner.expected(LAST, before)
    await owner.hass.async_add_executor_job(in_a_browser, owner.gateway)
    await owner.timeline.pass_by(minutes=5)
    await owner.until_it_is_read()
    assert owner.states == owner.expected(TRUE, before)
