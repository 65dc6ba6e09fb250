"""The consumer log of a span as an answer, of each maker."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.han.log_kinds import LogKind
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from simulator.ppc import PpcGateway

from .calling import act, moment
from .conftest import START

DAY = timedelta(days=1)


@pytest.fixture
def gateway(box: Any) -> Any:
    """A simulated gateway of each maker."""
    return box


async def test_four_weeks(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any
) -> None:
    """All of it, oldest first, though some gateways hand it out month by month."""
    start = START - 28 * DAY
    answer = await act(
        hass, "get_log", config_entry_id=free.entry_id, start=start.isoformat()
    )
    assert answer["gateway_id"] == gateway.gateway_id
    assert answer["login"] == gateway.user
    entries = answer["entries"]
    times = [moment(entry["time"]) for entry in entries]
    assert times == sorted(times)
    assert times[0] - start < 10 * DAY
    assert START - times[-1] < 10 * DAY
    numbers = [entry["number"] for entry in entries]
    assert len(set(numbers)) == len(numbers)
    for entry in entries:
        assert entry["text"]
        assert entry["level"] in {"info", "warning", "error", "fatal", "other"}
        assert entry["success"] in {True, False, None}
        assert entry["kind"] in set(LogKind)
    assert {entry["kind"] for entry in entries} > {"login"}
    assert ("seal" in answer) == isinstance(gateway, PpcGateway)
    if "seal" in answer:
        assert answer["seal"]["verdict"] == "intact_known"


async def test_another_login(hass: HomeAssistant, free: MockConfigEntry) -> None:
    """A name that nobody has is answered with those that there are."""
    with pytest.raises(ServiceValidationError) as error:
        await act(
            hass,
            "get_log",
            config_entry_id=free.entry_id,
            start=(START - DAY).isoformat(),
            login="nobody",
        )
    assert error.value.translation_key == "no_such_login"
    assert free.subentries
    (login,) = free.subentries.values()
    assert login.title in str(error.value)
