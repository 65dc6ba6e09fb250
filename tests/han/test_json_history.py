"""What Theben and EMH keep, read over real sockets: profiles, contracts, log."""

from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.smgw.han.errors import SmgwConnectionError, WrongPassword
from custom_components.smgw.han.history import (
    ContractState,
    HistorySession,
    LogLevel,
    Profile,
    ProfileSlice,
    Span,
)
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.status import Quality
from simulator.box import BoxGateway
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.theben import ThebenGateway

from .helpers import HOUSE, START, WRONG, Reader

GAS = "7ELS0045678901"
BOTH = ["1-0:1.8.0", "1-0:2.8.0"]
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
SLOT = datetime(2026, 11, 20, 9, tzinfo=UTC)
"""The newest slot at the start."""


@pytest.fixture(params=[ThebenGateway, EmhGateway])
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[BoxGateway]:
    """A gateway of either maker."""
    with request.param(clock=clock) as running:
        yield running


@pytest.fixture
async def history(reader: Reader) -> AsyncGenerator[HistorySession]:
    """An open session."""
    async with reader.driver.history(reader.credentials) as session:
        yield session


async def read(
    session: HistorySession, meter_id: str, span: Span
) -> list[ProfileSlice]:
    """Return all slices of a span, newest first."""
    slices = []
    while span.start < span.end:
        slices.append(await session.profile(meter_id, span))
        assert span.start <= slices[-1].span.start < slices[-1].span.end == span.end
        span = Span(span.start, slices[-1].span.start)
    return slices


def slots(span: Span, period: timedelta = QUARTER) -> list[datetime]:
    """Return the ends of the slots of a span that starts at a slot."""
    count = (span.end - span.start) // period
    return [span.start + number * period for number in range(1, count + 1)]


def check(profile: Profile, gateway: BoxGateway, step: int = 1) -> None:
    """Compare usable rows, or each one in `step` of them, with what the meter counted."""
    meter = profile.register.meter_id.lower()
    for row in profile.rows[::step]:
        if row.usable:
            true = gateway.true_register(
                meter, str(profile.register.obis), row.capture_time
            )
            assert row.value == true
        assert abs(row.capture_time - row.target_time) < timedelta(minutes=1)


async def test_a_day(history: HistorySession, gateway: BoxGateway) -> None:
    """Each quarter hour of both directions, oldest first, as the meter counted."""
    span = Span(SLOT - DAY, SLOT)
    (found,) = await read(history, HOUSE, span)

    assert found.meter_id == HOUSE
    assert found.skipped == ()
    for code in BOTH:
        profile = found.profiles[code]
        assert profile.period == QUARTER
        assert [row.target_time for row in profile.rows] == slots(span)
        assert {row.quality for row in profile.rows} == {Quality.GOOD}
        check(profile, gateway)


async def test_a_year(history: HistorySession, gateway: BoxGateway) -> None:
    """Slice by slice, over two changes of time."""
    slices = await read(history, HOUSE, Span(SLOT - 366 * DAY, SLOT))

    targets: list[datetime] = []
    for found in reversed(slices):
        for code in BOTH:
            if profile := found.profiles.get(code):
                check(profile, gateway, 31)
        if rows := found.profiles.get(BOTH[0]):
            targets += [row.target_time for row in rows.rows]
    # Each slot once, in order, and on the grid; the gateway has a few gaps itself.
    assert targets == sorted(set(targets))
    assert all(not target.timestamp() % 900 for target in targets)
    kept = len(slots(Span(targets[0] - QUARTER, targets[-1])))
    assert targets[-1] == SLOT
    assert kept * 0.99 < len(targets) <= kept
    assert targets[0] == SLOT - 366 * DAY + QUARTER


async def test_gas_is_hourly(history: HistorySession, gateway: BoxGateway) -> None:
    """The period shows in the rows."""
    (found,) = await read(history, GAS, Span(SLOT - DAY, SLOT))

    profile = found.profiles["7-0:3.0.0"]
    assert profile.period == HOUR
    assert {row.target_time for row in profile.rows} <= set(
        slots(Span(SLOT - DAY, SLOT), HOUR)
    )
    assert len(profile.rows) >= 20
    check(profile, gateway)


@pytest.mark.parametrize(
    ("day", "count"), [(datetime(2026, 10, 25), 100), (datetime(2026, 3, 29), 92)]
)
async def test_days_of_another_length(
    history: HistorySession, gateway: BoxGateway, day: datetime, count: int
) -> None:
    """The days on which the clocks change have 92 and 100 quarter hours."""
    start = day.replace(tzinfo=BERLIN).astimezone(UTC)
    end = (day + DAY).replace(tzinfo=BERLIN).astimezone(UTC)
    (found,) = await read(history, HOUSE, Span(start, end))

    rows = found.profiles[BOTH[0]].rows
    assert len(slots(Span(start, end))) == count
    assert count - 6 <= len(rows) <= count
    check(found.profiles[BOTH[0]], gateway)


async def test_the_midnight_between_months(history: HistorySession) -> None:
    """The slot that ends a month is there once, whichever month keeps it."""
    midnight = datetime(2026, 11, 1, tzinfo=BERLIN).astimezone(UTC)
    slices = await read(history, HOUSE, Span(midnight - HOUR, midnight + HOUR))
    targets = [
        row.target_time for found in slices for row in found.profiles[BOTH[0]].rows
    ]

    assert sorted(targets) == slots(Span(midnight - HOUR, midnight + HOUR))
    # also where the newer month was not read before
    (found,) = await read(history, HOUSE, Span(midnight - HOUR, midnight))
    assert [row.target_time for row in found.profiles[BOTH[0]].rows] == slots(
        found.span
    )


async def test_a_gap_stays_a_gap(reader: Reader, gateway: BoxGateway) -> None:
    """Nothing is made up for slots that are missing."""
    gateway.faults.add("gap", slots=8)
    async with reader.driver.history(reader.credentials) as session:
        (found,) = await read(session, HOUSE, Span(SLOT - DAY, SLOT))

    targets = [row.target_time for row in found.profiles[BOTH[0]].rows]
    assert targets == slots(Span(SLOT - DAY, SLOT))[:-8]


async def test_invalid_values_are_marked(reader: Reader, gateway: BoxGateway) -> None:
    """They are told, with their status, and not to be counted with."""
    gateway.faults.add("not_valid", every=10)
    async with reader.driver.history(reader.credentials) as session:
        (found,) = await read(session, HOUSE, Span(SLOT - DAY, SLOT))

    rows = found.profiles[BOTH[0]].rows
    assert len(rows) == 96
    bad = [row for row in rows if not row.usable]
    assert 9 <= len(bad) <= 11
    assert bad[-1].target_time == SLOT
    assert {row.quality for row in bad} == {Quality.UNUSABLE}
    assert all(len(row.status) == 16 for row in bad)


async def test_signatures_are_passed_on(reader: Reader, gateway: BoxGateway) -> None:
    """As delivered, of each reading."""
    gateway.faults.add("signatures")
    async with reader.driver.history(reader.credentials) as session:
        (found,) = await read(session, HOUSE, Span(SLOT - HOUR, SLOT))

    signatures = [row.signature for row in found.profiles[BOTH[0]].rows]
    assert len(set(signatures)) == 4
    assert all(s and bytes.fromhex(s) for s in signatures)


async def test_signed_months_are_not_too_large(
    reader: Reader, gateway: BoxGateway
) -> None:
    """The largest slice comes in one answer."""
    gateway.faults.add("signatures")
    async with reader.driver.history(reader.credentials) as session:
        found = await session.profile(HOUSE, Span(SLOT - 40 * DAY, SLOT - 20 * DAY))

    assert len(found.profiles[BOTH[0]].rows) > 28


async def test_an_exchanged_meter(reader: Reader, gateway: BoxGateway) -> None:
    """The new meter's history begins with the exchange; the old one has gone."""
    gateway.exchange_meter(HOUSE.lower(), "1emh0099999999")
    gateway.clock.advance(2 * HOUR)
    span = Span(SLOT - DAY, SLOT + 2 * HOUR)
    async with reader.driver.history(reader.credentials) as session:
        (new,) = await read(session, "1EMH0099999999", span)
        old = await read(session, HOUSE, span)

    rows = new.profiles[BOTH[0]].rows
    assert rows[0].target_time > START - QUARTER
    assert rows[-1].target_time == span.end
    check(new.profiles[BOTH[0]], gateway)
    assert all(found.profiles == {} for found in old)


async def test_an_unknown_meter_has_no_history(history: HistorySession) -> None:
    """Nothing, and no failure."""
    (found,) = await read(history, "1XYZ0000000000", Span(SLOT - DAY, SLOT))

    assert found.profiles == {}


async def test_contracts(history: HistorySession) -> None:
    """All of them, the ended one with the same name as its successor as well."""
    contracts = await history.contracts()

    same = [c for c in contracts if c.name == "IM4G_TAF07_BEZUG_15MI_PROD_01"]
    assert [c.state for c in same] == [ContractState.ENDED, ContractState.RUNNING]
    assert len({c.logical_name for c in contracts}) == len(contracts)
    ended, running = same
    assert ended.valid_until == running.valid_from
    assert {c.taf for c in contracts} >= {1, 2, 6, 7}
    house = [c for c in contracts if HOUSE in c.meters and c.taf == 1]
    assert house[0].metering_point is not None
    assert house[0].metering_point.startswith("DE")
    assert house[0].supplier
    periods = house[0].billing_periods
    assert [p.start for p in periods] == sorted(
        (p.start for p in periods), reverse=True
    )
    assert [p.running for p in periods[:3]] == [True, False, False]
    assert periods[0].start == datetime(2026, 11, 1, tzinfo=BERLIN)


async def test_derived_registers(history: HistorySession) -> None:
    """Tariff steps of the time-variable tariff add up to the total."""
    contracts = await history.contracts()
    tariffs = next(c for c in contracts if c.taf == 2 and HOUSE in c.meters)
    total = next(c for c in contracts if c.taf == 1 and HOUSE in c.meters)

    found = await history.derived(tariffs, None)
    assert [d.tariff for d in found] == [1, 2, 63]
    (whole,) = await history.derived(total, None)
    assert whole.tariff == 0
    assert sum(d.row.value or 0 for d in found) == whole.row.value
    last = total.billing_periods[1]
    (then,) = await history.derived(total, last)
    assert then.row.target_time == last.end
    day = next(c for c in contracts if c.taf == 6 and HOUSE in c.meters)
    values = await history.derived(day, None)
    midnight = datetime(2026, 11, 20, tzinfo=BERLIN)
    assert {d.row.target_time for d in values} == {midnight}


async def test_log(history: HistorySession, gateway: BoxGateway) -> None:
    """Two days of it, oldest first."""
    found = await history.log(Span(SLOT - 2 * DAY, SLOT))

    assert len(found.entries) > 2
    assert list(found.entries) == sorted(found.entries, key=lambda e: e.time)
    assert all(entry.time in found.span for entry in found.entries)
    assert all(entry.text and entry.number is not None for entry in found.entries)
    assert LogLevel.INFO in {entry.level for entry in found.entries}
    assert True in {entry.success for entry in found.entries}


async def test_a_wrong_password_is_sent_once(
    reader: Reader, gateway: BoxGateway
) -> None:
    """As with a poll."""
    wrong = Credentials(user=gateway.user, password=WRONG)
    with pytest.raises(WrongPassword):
        async with reader.driver.history(wrong):
            pytest.fail("no session")
    assert gateway.failed_logins == 1


async def test_a_lost_connection_ends_the_session(
    reader: Reader, gateway: BoxGateway
) -> None:
    """With the error of a poll; the next session is a good one."""
    async with reader.driver.history(reader.credentials) as session:
        await session.contracts()
        gateway.faults.add("drop_mid_answer")
        with pytest.raises(SmgwConnectionError):
            await session.profile(HOUSE, Span(SLOT - DAY, SLOT))
    gateway.faults.clear()
    async with reader.driver.history(reader.credentials) as session:
        assert (await session.profile(HOUSE, Span(SLOT - DAY, SLOT))).profiles


@pytest.mark.parametrize(
    ("maker", "fault", "parameters"),
    [
        (ThebenGateway, "obis_suffix", {}),
        (ThebenGateway, "interface_120", {}),
        (ThebenGateway, "window_by_capture", {}),
        (ThebenGateway, "any_window", {}),
        (ThebenGateway, "joined_directions", {}),
        (ThebenGateway, "live_refused", {}),
        (ThebenGateway, "state_ready", {}),
        (ThebenGateway, "daily_periods", {}),
        (ThebenGateway, "incomplete", {"readings": 500}),
        (ThebenGateway, "scaler", {"value": -3}),
        (ThebenGateway, "gzip", {}),
        (ThebenGateway, "close_each", {}),
        (ThebenGateway, "ptb_warning", {}),
        (ThebenGateway, "meter_status", {"word": "10229100"}),
        (ThebenGateway, "digest_sha256_lie", {}),
        (EmhGateway, "month_404", {}),
        (EmhGateway, "live_values", {}),
        (EmhGateway, "status_14", {}),
        (EmhGateway, "scaler", {"value": -3}),
        (EmhGateway, "close_each", {}),
        (EmhGateway, "nonce_once", {}),
        (EmhGateway, "current_refused", {}),
        (EmhGateway, "periods_late", {}),
    ],
)
async def test_ways_of_firmware(
    socket_enabled: None,
    clock: SimClock,
    maker: type[BoxGateway],
    fault: str,
    parameters: dict[str, Any],
) -> None:
    """Whatever way a firmware has, the quarter hours are the same."""
    span = Span(SLOT - 25 * DAY, SLOT)
    with maker(clock=clock) as gateway:
        gateway.faults.add(fault, **parameters)
        reader = Reader(gateway)
        async with reader.driver.history(reader.credentials) as session:
            slices = await read(session, HOUSE, span)
            contracts = await session.contracts()
        for code in BOTH:
            targets = []
            for found in reversed(slices):
                check(found.profiles[code], gateway)
                targets += [row.target_time for row in found.profiles[code].rows]
            assert targets == slots(span)
        month = next(c for c in contracts if c.taf == 1 and HOUSE in c.meters)
        assert month.billing_periods[0].start.astimezone(BERLIN).time() == time()


async def test_captured_before_the_slot(socket_enabled: None, clock: SimClock) -> None:
    """The target time counts, though the capture time lies in the slot before."""
    with ThebenGateway(clock=clock) as gateway:
        gateway.faults.add("capture_early", seconds=40)
        reader = Reader(gateway)
        async with reader.driver.history(reader.credentials) as session:
            (found,) = await read(session, HOUSE, Span(SLOT - DAY, SLOT))
    rows = found.profiles[BOTH[0]].rows
    assert [row.target_time for row in rows] == slots(found.span)
    assert all(row.capture_time < row.target_time for row in rows)


async def test_months_that_are_no_longer_kept(
    socket_enabled: None, clock: SimClock
) -> None:
    """They are empty; the newer ones are whole."""
    with EmhGateway(clock=clock) as gateway:
        gateway.faults.add("months_kept", months=3)
        reader = Reader(gateway)
        async with reader.driver.history(reader.credentials) as session:
            slices = await read(session, HOUSE, Span(SLOT - 200 * DAY, SLOT))
    assert [bool(found.profiles) for found in slices] == [True] * 4 + [False] * 3


async def test_a_long_log_is_read_page_by_page(
    socket_enabled: None, clock: SimClock
) -> None:
    """More entries than one answer holds, each once."""
    with ThebenGateway(clock=clock) as gateway:
        gateway.faults.add("long_log", entries=4000)
        reader = Reader(gateway)
        async with reader.driver.history(reader.credentials) as session:
            parts = [await session.log(Span(SLOT - 700 * DAY, SLOT))]
            while (end := parts[-1].span.start) > SLOT - 700 * DAY:
                parts.append(await session.log(Span(SLOT - 700 * DAY, end)))
    numbers = [entry.number for part in parts for entry in part.entries]
    assert len(numbers) > 3000
    assert len(set(numbers)) == len(numbers)
