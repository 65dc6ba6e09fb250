"""Read-outs for the transparency software: read again, with all that belongs to a contract."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.export import ar2418_reader
from custom_components.smgw.export.document import ReadingList
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from simulator.clock import BERLIN
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from tests.export import ar2418_rules

from .calling import EXPORT, IMPORT, act, moment
from .conftest import Timeline
from .test_actions_export import DAY, END, export, fetch, true

# What the request for the log is called.
LOGS = {PpcGateway: "exportLogData", ThebenGateway: "log", EmhGateway: "conlogbook"}


@pytest.fixture
def gateway(box: Any) -> Any:
    """A simulated gateway of each maker."""
    return box


async def test_xml(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any, stranger: TestClient
) -> None:
    """What the transparency software imports: our reader has all values again."""
    answer = await export(hass, free, "xml")
    assert answer["name"].endswith(".xml")
    assert answer["contract"]["taf"] == 7
    found = ar2418_reader.read(await fetch(stranger, answer))
    found.check()
    assert found.gateway_id == gateway.gateway_id
    assert found.tariff_name == answer["contract"]["name"]
    assert [one.content for one in found.certificates if one.type == 3] == [
        gateway.certificate_der
    ]
    lists = {one.obis: one for one in found.lists}
    assert lists.keys() >= {"0100010800ff", "0100020800ff"}
    for code, obis in ((IMPORT, "0100010800ff"), (EXPORT, "0100020800ff")):
        one = lists[obis]
        assert one.original
        assert len(one.values) == 97
        for value in one.values:
            assert value.value == true(gateway, code, value.target_time)
            assert value.fnn or value.ptb == 0


def registers_of(content: bytes, taf: int) -> dict[str, ReadingList]:
    """Return the contract's own registers in a file, which keeps the rules."""
    ar2418_rules.check(content, taf=taf)
    found = ar2418_reader.read(content)
    replace(found, taf=taf).check()
    assert any(one.original for one in found.lists)
    return {one.obis: one for one in found.lists if not one.original}


@pytest.mark.parametrize(
    ("asked", "taf", "codes"),
    [
        ("TAF 1", 1, {IMPORT: "0100010800ff"}),
        (
            "TAF02_HT_NT",
            2,
            {"1-0:1.8.1": "0100010801ff", "1-0:1.8.2": "0100010802ff"},
        ),
    ],
)
async def test_registers_of_billing_periods(
    hass: HomeAssistant,
    free: MockConfigEntry,
    gateway: Any,
    stranger: TestClient,
    asked: str,
    taf: int,
    codes: dict[str, str],
) -> None:
    """The file of such a contract has what the gateway counted, month by month."""
    months = [datetime(2026, month, 1, tzinfo=BERLIN) for month in (9, 10, 11)]
    answer = await export(
        hass,
        free,
        "xml",
        contract=asked,
        start=months[0].isoformat(),
        end=(months[-1] + DAY).isoformat(),
        log=False,
    )
    assert answer["contract"]["taf"] == taf
    assert answer["log_entries"] == 0
    found = registers_of(await fetch(stranger, answer), taf)
    assert set(codes.values()) <= found.keys()
    for code, obis in codes.items():
        one = found[obis]
        assert [value.target_time for value in one.values] == months
        for value in one.values:
            assert value.value == true(gateway, code, value.target_time)
    if taf == 2:
        errors = found.pop("010001083fff")
        assert {value.value for value in errors.values} == {Decimal(0)}


async def test_no_such_contract(
    hass: HomeAssistant, free: MockConfigEntry, timeline: Timeline
) -> None:
    """A contract that the meter has not, and a span in which no billing period ended."""
    with pytest.raises(ServiceValidationError) as error:
        await export(hass, free, "xml", contract="TAF 10")
    assert error.value.translation_key == "no_such_contract"
    assert "Bezug Monat" in str(error.value)
    await timeline.pass_by(minutes=14)
    with pytest.raises(ServiceValidationError) as error:
        await export(hass, free, "xml", contract="TAF 1")
    assert error.value.translation_key == "no_derived_registers"


async def test_log_in_the_file(
    hass: HomeAssistant,
    free: MockConfigEntry,
    stranger: TestClient,
    timeline: Timeline,
) -> None:
    """The entries of the span, as the action for them answers; without them on request."""
    answer = await export(hass, free, "xml")
    content = await fetch(stranger, answer)
    ar2418_rules.check(content, taf=7)
    log = ar2418_reader.read(content).log
    assert answer["log_entries"] == len(log) > 0
    assert moment(answer["log_from"]) == END - DAY
    await timeline.pass_by(minutes=14)
    told = await act(
        hass,
        "get_log",
        config_entry_id=free.entry_id,
        start=(END - DAY - timedelta(seconds=1)).isoformat(),
        end=END.isoformat(),
    )
    assert told["complete"] is True
    assert [(one.number, one.text, one.time) for one in log] == [
        (one["number"], one["text"], moment(one["time"])) for one in told["entries"]
    ]
    for event, entry in zip(log, told["entries"], strict=True):
        assert entry["success"] in (None, event.success)
    await timeline.pass_by(minutes=14)
    answer = await export(hass, free, "xml", log=False)
    assert ar2418_reader.read(await fetch(stranger, answer)).log == ()


@pytest.mark.parametrize("language", ["en", "de"])
async def test_log_that_cannot_be_read(
    hass: HomeAssistant,
    free: MockConfigEntry,
    gateway: Any,
    stranger: TestClient,
    language: str,
) -> None:
    """The owner is told why and how to have the file without it; that asks for nothing."""
    hass.config.language = language
    gateway.faults.add("server_error", status=503, action=LOGS[type(gateway)])
    with pytest.raises(HomeAssistantError) as error:
        await export(hass, free, "xml")
    assert error.value.translation_key == "log_not_read"
    assert error.value.translation_placeholders
    reason = error.value.translation_placeholders["reason"]
    assert reason[0].isupper()
    assert ("Gateway meldet" in reason) is (language == "de")
    assert "`log: false`" in str(error.value)
    # The logout of that session comes after the answer.
    await hass.async_block_till_done(wait_background_tasks=True)
    gateway.clear_requests()
    answer = await export(hass, free, "xml", log=False)
    assert gateway.requests == []
    found = ar2418_reader.read(await fetch(stranger, answer))
    assert len(found.lists[0].values) > 90
    assert found.log == ()
