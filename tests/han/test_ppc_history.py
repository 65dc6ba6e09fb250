"""What a PPC gateway keeps, read over real sockets: profiles, contracts, log."""

from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.smgw.export import cms
from custom_components.smgw.han.errors import (
    PageUnreadable,
    SessionExpired,
    WrongPassword,
)
from custom_components.smgw.han.history import ContractState, HistorySession, Span
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.status import Quality
from simulator.clock import SimClock
from simulator.ppc import PpcGateway

from .helpers import HOUSE, STAIRWELL, START, WRONG, Reader
from .test_json_history import (
    BERLIN,
    BOTH,
    DAY,
    HOUR,
    QUARTER,
    SLOT,
    check,
    read,
    slots,
)

GAS = "7ELS0045678901"


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[PpcGateway]:
    """A gateway with meters of several media and contracts of all kinds."""
    with PpcGateway(clock=clock) as running:
        yield running


@pytest.fixture
async def history(reader: Reader) -> AsyncGenerator[HistorySession]:
    """An open session."""
    async with reader.driver.history(reader.credentials) as session:
        yield session


async def test_a_day(history: HistorySession, gateway: PpcGateway) -> None:
    """Each quarter hour of both directions, and the signed original."""
    span = Span(SLOT - DAY, SLOT)
    (found,) = await read(history, HOUSE, span)

    for code in BOTH:
        profile = found.profiles[code]
        assert [row.target_time for row in profile.rows] == slots(span)
        assert {row.quality for row in profile.rows} == {Quality.GOOD}
        check(profile, gateway)
    assert found.signed is not None
    assert found.signed.name == f"{HOUSE.lower()}.sm_data.xml.cms"
    opened = cms.open_signed(found.signed.content)
    assert cms.judge(opened, gateway.gateway_id, None) is cms.Verdict.KNOWN


async def test_a_year(history: HistorySession, gateway: PpcGateway) -> None:
    """Month by month, over two changes of time."""
    slices = await read(history, STAIRWELL, Span(SLOT - 366 * DAY, SLOT))

    targets = [
        row.target_time
        for found in reversed(slices)
        for row in found.profiles[BOTH[0]].rows
    ]
    assert targets == slots(Span(SLOT - 366 * DAY, SLOT))
    for found in slices:
        check(found.profiles[BOTH[0]], gateway, 31)


@pytest.mark.parametrize(
    ("day", "count"), [(datetime(2026, 10, 25), 100), (datetime(2026, 3, 29), 92)]
)
async def test_days_of_another_length(
    history: HistorySession, day: datetime, count: int
) -> None:
    """Exports are in UTC: both passes of the October hour are there."""
    start = day.replace(tzinfo=BERLIN).astimezone(UTC)
    end = (day + DAY).replace(tzinfo=BERLIN).astimezone(UTC)
    (found,) = await read(history, STAIRWELL, Span(start, end))

    rows = found.profiles[BOTH[0]].rows
    assert [row.target_time for row in rows] == slots(Span(start, end))
    assert len(rows) == count


@pytest.mark.parametrize("hour", [0, 1, 2])
async def test_a_span_that_begins_in_the_doubled_hour(
    history: HistorySession, hour: int
) -> None:
    """Its wall time stands for two moments; none is lost."""
    start = datetime(2026, 10, 25, hour, 15, tzinfo=UTC)
    (found,) = await read(history, STAIRWELL, Span(start, start + 3 * HOUR))

    rows = found.profiles[BOTH[0]].rows
    assert [row.target_time for row in rows] == slots(found.span)


async def test_gas_is_hourly(history: HistorySession, gateway: PpcGateway) -> None:
    """The period shows in the rows."""
    (found,) = await read(history, GAS, Span(SLOT - DAY, SLOT))

    profile = found.profiles["7-0:3.0.0"]
    assert profile.period == HOUR
    assert [r.target_time for r in profile.rows] == slots(found.span, HOUR)
    check(profile, gateway)


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("cms_other_prefix", {}),
        ("range_limit_1000", {}),
        ("mid_reuse", {}),
        ("mid_reuse_refused", {}),
        ("token_enforced", {}),
        ("v1_sessionid", {}),
        ("double_quotes", {}),
        ("raw_umlauts", {}),
        ("double_entities", {}),
        ("new_nonce_each_time", {}),
        ("gzip", {}),
        ("small_pages", {}),
        ("get_first_only", {}),
    ],
)
async def test_ways_of_firmware(
    reader: Reader, gateway: PpcGateway, fault: str, parameters: dict[str, Any]
) -> None:
    """Whatever way a firmware has, the quarter hours and the contracts are the same."""
    gateway.faults.add(fault, **parameters)
    span = Span(SLOT - 20 * DAY, SLOT)
    async with reader.driver.history(reader.credentials) as session:
        slices = await read(session, STAIRWELL, span)
        contracts = await session.contracts()

    targets = []
    for found in reversed(slices):
        check(found.profiles[BOTH[0]], gateway, 7)
        targets += [row.target_time for row in found.profiles[BOTH[0]].rows]
    assert targets == slots(span)
    assert len(contracts) == 7


async def test_a_limit_is_remembered(reader: Reader, gateway: PpcGateway) -> None:
    """What was refused once is not asked for again."""
    gateway.faults.add("range_limit_1000")
    async with reader.driver.history(reader.credentials) as session:
        await session.profile(HOUSE, Span(SLOT - 20 * DAY, SLOT))
        before = session.requests
        await session.profile(HOUSE, Span(SLOT - 20 * DAY, SLOT))
        assert session.requests - before == 3
    assert reader.memory["history_hours"] < 31 * 24


@pytest.mark.parametrize("fault", ["gaps", "not_valid"])
async def test_bad_rows_are_marked(
    reader: Reader, gateway: PpcGateway, fault: str
) -> None:
    """What is not present or not valid is told, and not to be counted with."""
    gateway.faults.add(fault, every=10)
    async with reader.driver.history(reader.credentials) as session:
        (found,) = await read(session, HOUSE, Span(SLOT - DAY, SLOT))

    rows = found.profiles[BOTH[0]].rows
    assert len(rows) == 96
    bad = [row for row in rows if not row.usable]
    assert 9 <= len(bad) <= 11
    assert {row.status for row in bad} == {"3" if fault == "gaps" else "4"}
    check(found.profiles[BOTH[0]], gateway)


@pytest.mark.parametrize("fault", ["", "export_error_status"])
async def test_nothing_there(reader: Reader, gateway: PpcGateway, fault: str) -> None:
    """A span before the meter, and a meter that is not there, are empty."""
    if fault:
        gateway.faults.add(fault)
    async with reader.driver.history(reader.credentials) as session:
        long_ago = SLOT - 3000 * DAY
        (found,) = await read(session, HOUSE, Span(long_ago, long_ago + DAY))
        assert found.profiles == {}
        (found,) = await read(session, "1XYZ0000000000", Span(SLOT - DAY, SLOT))
        assert found.profiles == {}


async def test_contracts(history: HistorySession) -> None:
    """All of them, the ended one with the same name as its successor as well."""
    contracts = await history.contracts()

    same = [c for c in contracts if c.name == "IM4G_TAF07_BEZUG_15MI_PROD_01"]
    assert [c.state for c in same] == [ContractState.ENDED, ContractState.RUNNING]
    assert same[0].valid_until == same[1].valid_from
    assert len({c.logical_name for c in contracts}) == len(contracts)
    assert {c.taf for c in contracts} == {1, 2, 6, 7, 14}
    house = next(c for c in contracts if c.taf == 1)
    assert house.meters == (HOUSE,)
    assert (house.metering_point or "").startswith("DE")
    assert house.supplier
    assert house.capture_period == QUARTER


async def test_derived_registers(history: HistorySession) -> None:
    """Tariff steps of the time-variable tariff add up to the total."""
    contracts = await history.contracts()
    tariffs = next(c for c in contracts if c.taf == 2)
    total = next(c for c in contracts if c.taf == 1)

    found = await history.derived(tariffs, None)
    assert [d.tariff for d in found] == [1, 2, 63]
    (whole,) = await history.derived(total, None)
    assert sum(d.row.value or 0 for d in found) == whole.row.value
    assert [await history.derived(c, None) for c in contracts if c.taf == 7] == [
        (),
        (),
        (),
    ]


async def test_log(history: HistorySession) -> None:
    """Two days of it, oldest first, with texts filled in and running numbers."""
    found = await history.log(Span(SLOT - 2 * DAY, SLOT))

    numbers = [entry.number or 0 for entry in found.entries]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert all(entry.time in found.span for entry in found.entries)
    assert all(entry.text and entry.event_id for entry in found.entries)
    assert not any("[" in entry.text for entry in found.entries)
    assert found.signed is not None


async def test_a_wrong_password_is_sent_once(
    reader: Reader, gateway: PpcGateway
) -> None:
    """As with a poll."""
    wrong = Credentials(user=gateway.user, password=WRONG)
    with pytest.raises(WrongPassword):
        async with reader.driver.history(wrong):
            pytest.fail("no session")
    assert gateway.failed_logins == 1


async def test_an_expired_session(reader: Reader, gateway: PpcGateway) -> None:
    """It ends with its error; the next one is a good one, and none stays open."""
    async with reader.driver.history(reader.credentials) as session:
        await session.contracts()
        gateway.faults.add("session_expired_once")
        with pytest.raises(SessionExpired):
            await session.profile(HOUSE, Span(SLOT - DAY, SLOT))
    async with reader.driver.history(reader.credentials) as session:
        assert (await session.profile(HOUSE, Span(SLOT - DAY, SLOT))).profiles


async def test_an_export_that_was_cut_off(reader: Reader, gateway: PpcGateway) -> None:
    """Half a container is none."""
    async with reader.driver.history(reader.credentials) as session:
        await session.contracts()
        gateway.faults.add("truncated")
        with pytest.raises(PageUnreadable):
            await session.profile(HOUSE, Span(SLOT - DAY, SLOT))


def test_zones() -> None:
    """The tests mean the same zone as the pages."""
    assert ZoneInfo("Europe/Berlin") == BERLIN
    assert START > SLOT
