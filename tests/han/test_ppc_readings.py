"""Which rows become readings, and why the others do not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from custom_components.smgw.han import ppc_pages as pages
from custom_components.smgw.han.ids import Medium
from custom_components.smgw.han.model import Meter, Skipped
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.ppc_readings import Readings, berlin_clock
from custom_components.smgw.han.units import Unit

from .helpers import STAIRWELL, START
from .markup import SIGNATURE, Line, profile

IMPORT = Line()
EXPORT = Line("12.5000", "1-0:2.8.0", name="Lieferung")
TEN = datetime(2026, 11, 20, 9, 0, 2, tzinfo=UTC)


class Meters:
    """One driver's readings of one meter, poll after poll."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self.readings = Readings()
        self.meter: Meter | None = None
        self.skipped: list[Skipped] = []

    def poll(self, *lines: Line, now: datetime = START) -> dict[str, str]:
        """Show a page; return the values read, by OBIS code."""
        self.skipped = []
        found = pages.meter_profile(pages.read(profile(*lines).encode()))
        self.meter = self.readings.meter(
            STAIRWELL, "1esy0060178981.sm", found, now, self.skipped
        )
        return {code: str(r.value) for code, r in self.meter.readings.items()}

    @property
    def reasons(self) -> list[str]:
        """Return why rows were skipped."""
        return [skipped.reason for skipped in self.skipped]


@pytest.fixture
def meters() -> Meters:
    """A driver that knows nothing yet."""
    return Meters()


def at(wall: str, value: str, obis: str = "1-0:1.8.0") -> Line:
    """Return a row of a wall time on the day the clocks go back."""
    return Line(value, obis, time=f"2026-10-25 {wall}")


def utc(hour: int, minute: int) -> datetime:
    """Return a moment of that day."""
    return datetime(2026, 10, 25, hour, minute, tzinfo=UTC)


def test_meter(meters: Meters) -> None:
    """A valid row becomes a reading with all that is known of it."""
    assert meters.poll(IMPORT, replace(EXPORT, time=None, valid="")) == {
        "1-0:1.8.0": "1061.9932",
        "1-0:2.8.0": "12.5000",
    }
    assert meters.skipped == []
    meter = meters.meter
    assert meter is not None
    assert (meter.meter_id, meter.logical_name) == (STAIRWELL, "1esy0060178981.sm")
    assert (meter.medium, meter.maker) == (Medium.ELECTRICITY, STAIRWELL[1:4])
    assert meter.address == "1ESY0060178981"
    assert meter.capture_interval == timedelta(minutes=15)
    assert meter.last_capture == TEN
    reading = meter.readings["1-0:1.8.0"]
    assert reading.value == Decimal("1061.9932")
    assert reading.capture_time == TEN
    assert reading.signature == SIGNATURE
    assert reading.register.obis == Obis(1, 0, 1, 8, 0)
    assert reading.register.unit is Unit.KILOWATT_HOUR
    assert reading.register.name == "Bezug Zählerstand"
    assert reading.register.meter_id == STAIRWELL


def test_no_rows(meters: Meters) -> None:
    """A meter without values is a meter."""
    assert meters.poll() == {}
    assert meters.meter is not None
    assert meters.meter.last_capture is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"valid": "2"}, "invalid"),
        ({"valid": "3"}, "not_present"),
        ({"valid": "4"}, "no_validity"),
        ({"valid": None}, "no_validity"),
        ({"valid": "invalid"}, "invalid"),
        ({"valid": "nicht vorhanden"}, "not_present"),
        ({"obis": "1.8.0"}, "unknown_obis"),
        ({"obis": "1-0:999.8.0"}, "unknown_obis"),
        ({"obis": None}, "unknown_obis"),
        ({"value": "1e9999"}, "no_value"),
        ({"value": "NaN"}, "no_value"),
        ({"value": "１２３"}, "no_value"),
        ({"value": ""}, "no_value"),
        ({"value": None}, "no_value"),
        ({"unit": "EUR"}, "unknown_unit"),
        ({"unit": ""}, "unknown_unit"),
        ({"unit": None}, "unknown_unit"),
        ({"time": "gestern"}, "no_time"),
        ({"time": None}, "no_time"),
        ({"time": "2026-03-29 02:30:00"}, "nonexistent_time"),
        ({"time": "2026-10-25 02:30:00"}, "ambiguous_time"),
        ({"time": "2026-11-20 11:30:00"}, "in_the_future"),
        ({"time": "2099-01-01 00:00:00"}, "in_the_future"),
        ({"time": "1970-01-01 01:00:00"}, "too_old"),
        ({"time": "2016-12-31 23:59:59"}, "too_old"),
    ],
)
def test_unusable_row(
    meters: Meters, change: dict[str, str | None], reason: str
) -> None:
    """One thing that is not right, and the row is skipped with the reason."""
    line = replace(IMPORT, **change)
    assert meters.poll(line, EXPORT) == {"1-0:2.8.0": "12.5000"}
    assert meters.reasons == [reason]
    assert meters.skipped[0].where.startswith(STAIRWELL)


def test_clock_a_little_behind(meters: Meters) -> None:
    """A gateway's clock may be ahead of ours."""
    assert meters.poll(replace(IMPORT, time="2026-11-20 11:05:00"))


def test_long_texts_are_cut(meters: Meters) -> None:
    """What a page says does not flood diagnostics."""
    meters.poll(replace(IMPORT, obis="9" * 5000), replace(EXPORT, name="x" * 5000))
    assert len(meters.skipped[0].where) < 60
    assert meters.meter is not None
    assert len(meters.meter.readings["1-0:2.8.0"].register.name) == 80


def test_ratio_without_unit(meters: Meters) -> None:
    """A power factor has no unit; a meter reading must have one."""
    line = Line("0.98", "1-0:13.7.0", unit="")
    assert meters.poll(line, replace(IMPORT, unit="")) == {"1-0:13.7.0": "0.98"}
    assert meters.reasons == ["unknown_unit"]


def test_duplicates(meters: Meters) -> None:
    """The same said twice is said once."""
    assert meters.poll(IMPORT, IMPORT, replace(IMPORT, obis="0100010800ff")) == {
        "1-0:1.8.0": "1061.9932"
    }
    assert meters.skipped == []


@pytest.mark.parametrize(
    "other", [{"value": "1061.9933"}, {"unit": "Wh"}, {"value": "0.0000"}]
)
@pytest.mark.parametrize("reverse", [False, True])
def test_contradiction(meters: Meters, other: dict[str, str], reverse: bool) -> None:
    """Two different things said of one moment: none is believed."""
    lines = [IMPORT, replace(IMPORT, **other), EXPORT]
    if reverse:
        lines.reverse()
    assert meters.poll(*lines) == {"1-0:2.8.0": "12.5000"}
    assert [(s.where, s.reason) for s in meters.skipped] == [
        (f"{STAIRWELL} 1-0:1.8.0", "contradiction")
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0)])
def test_newest_of_several(meters: Meters, order: tuple[int, ...]) -> None:
    """The newest row counts wherever it stands; older rows may contradict each other."""
    lines = (
        replace(IMPORT, time="2026-11-20 09:45:02", value="1061.1000"),
        replace(IMPORT, time="2026-11-20 09:45:02", value="1061.2000"),
        IMPORT,
    )
    assert meters.poll(*(lines[i] for i in order)) == {"1-0:1.8.0": "1061.9932"}


def test_invalid_row_beside_a_valid_one(meters: Meters) -> None:
    """The valid row counts."""
    line = replace(IMPORT, valid="2", value="9999.0000")
    assert meters.poll(line, IMPORT) == {"1-0:1.8.0": "1061.9932"}
    assert meters.reasons == ["invalid"]


def test_older_than_before(meters: Meters) -> None:
    """A gateway that shows an older reading than last time is not believed."""
    meters.poll(IMPORT)
    older = replace(IMPORT, time="2026-11-20 09:45:02", value="1061.0000")
    assert meters.poll(older) == {}
    assert meters.reasons == ["older_than_before"]
    assert meters.poll(IMPORT)


def test_went_backwards(meters: Meters) -> None:
    """A meter reading never goes down; Home Assistant would count it anew."""
    meters.poll(IMPORT)
    lower = replace(IMPORT, time="2026-11-20 10:15:02", value="1061.9931")
    assert meters.poll(lower, now=START + timedelta(minutes=15)) == {}
    assert meters.reasons == ["went_backwards"]
    same = replace(lower, value="1061.9932")
    assert meters.poll(same, now=START + timedelta(minutes=15))


@pytest.mark.parametrize(
    ("obis", "unit"), [("1-0:16.7.0", "W"), ("1-0:16.8.0", "kWh"), ("1-0:32.7.0", "V")]
)
def test_may_go_down(meters: Meters, obis: str, unit: str) -> None:
    """Momentary values and balances go up and down, below zero too."""
    assert meters.poll(Line("230.0", obis, unit=unit))
    lower = Line("-5.0", obis, unit=unit, time="2026-11-20 10:15:02")
    assert meters.poll(lower, now=START + timedelta(minutes=15)) == {obis: "-5.0"}


def test_unit_changed(meters: Meters) -> None:
    """1062 kWh are not 1062 Wh."""
    meters.poll(IMPORT)
    assert meters.poll(replace(IMPORT, unit="Wh", value="1061993.2")) == {}
    assert meters.reasons == ["unit_changed"]
    assert meters.poll(IMPORT)


def test_forgotten_meter_starts_again(meters: Meters) -> None:
    """What a meter said before it went away does not count when it returns."""
    meters.poll(IMPORT)
    meters.readings.keep_only(set())
    assert meters.poll(replace(IMPORT, value="5.0000")) == {"1-0:1.8.0": "5.0000"}


def test_both_passes_of_the_october_hour(meters: Meters) -> None:
    """Poll after poll through the night: each reading gets its own moment."""
    polls = [
        ("01:45:02", "100.0", utc(0, 0), utc(23, 45) - timedelta(days=1)),
        ("02:00:02", "100.1", utc(0, 7), utc(0, 0)),
        ("02:15:02", "100.2", utc(0, 22), utc(0, 15)),
        ("02:30:02", "100.3", utc(0, 37), utc(0, 30)),
        ("02:45:02", "100.4", utc(0, 52), utc(0, 45)),
        ("02:00:02", "100.5", utc(1, 7), utc(1, 0)),
        ("02:15:02", "100.6", utc(1, 22), utc(1, 15)),
        ("02:30:02", "100.7", utc(1, 37), utc(1, 30)),
        ("02:45:02", "100.8", utc(1, 52), utc(1, 45)),
        ("03:00:02", "100.9", utc(2, 7), utc(2, 0)),
    ]
    for wall, value, now, captured in polls:
        assert meters.poll(at(wall, value), now=now) == {"1-0:1.8.0": value}
        assert meters.meter is not None
        assert meters.meter.last_capture == captured + timedelta(seconds=2)


def test_first_poll_in_the_second_pass(meters: Meters) -> None:
    """Nothing known before: which pass it is cannot be told, so nothing is."""
    assert meters.poll(at("02:30:02", "100.0"), now=utc(1, 37)) == {}
    assert meters.reasons == ["ambiguous_time"]
    assert meters.poll(at("03:00:02", "100.1"), now=utc(2, 7))


def test_growth_tells_the_pass(meters: Meters) -> None:
    """An hour later the same stamp: if any register moved, it is the second pass."""
    meters.poll(
        at("02:30:02", "100.0"), at("02:30:02", "50.0", "1-0:2.8.0"), now=utc(0, 37)
    )
    assert meters.poll(
        at("02:30:02", "100.0"), at("02:30:02", "50.1", "1-0:2.8.0"), now=utc(1, 37)
    ) == {"1-0:1.8.0": "100.0", "1-0:2.8.0": "50.1"}
    assert meters.meter is not None
    assert {r.capture_time for r in meters.meter.readings.values()} == {
        utc(1, 30) + timedelta(seconds=2)
    }


def test_nothing_moved_in_an_hour(meters: Meters) -> None:
    """The same stamp with the same values is the reading known already."""
    meters.poll(at("02:30:02", "100.0"), now=utc(0, 37))
    assert meters.poll(at("02:30:02", "100.0"), now=utc(1, 37))
    assert meters.meter is not None
    assert meters.meter.last_capture == utc(0, 30) + timedelta(seconds=2)


def test_undecided_after_a_long_break(meters: Meters) -> None:
    """Both passes lie between the last reading and now."""
    meters.poll(at("01:00:02", "100.0"), now=utc(0, 0) - timedelta(minutes=30))
    assert meters.poll(at("02:30:02", "100.5"), now=utc(1, 37)) == {}
    assert meters.reasons == ["ambiguous_time"]


@pytest.mark.parametrize(
    ("clock", "sync", "now", "read"),
    [
        (
            "2026-11-20 10:07:12",
            "2026-11-20 09:58:00",
            START,
            (
                datetime(2026, 11, 20, 9, 7, 12, tzinfo=UTC),
                datetime(2026, 11, 20, 8, 58, tzinfo=UTC),
            ),
        ),
        (None, None, START, (None, None)),
        ("?", "nie", START, (None, None)),
        ("2026-03-29 02:30:00", "2026-03-29 01:30:00", START, (None, datetime(2026, 3, 29, 0, 30, tzinfo=UTC))),
        # a synchronisation in the future of the clock is none
        ("2026-11-20 10:07:12", "2026-11-21 10:07:12", START, (datetime(2026, 11, 20, 9, 7, 12, tzinfo=UTC), None)),
        (None, "2026-11-20 09:58:00", START, (None, datetime(2026, 11, 20, 8, 58, tzinfo=UTC))),
        # the hour that comes twice: the running clock is near ours, the past is unclear
        ("2026-10-25 02:07:00", "2026-10-25 01:58:00", utc(0, 7), (utc(0, 7), utc(0, 0) - timedelta(minutes=2))),
        ("2026-10-25 02:07:00", "2026-10-25 02:01:00", utc(0, 7), (utc(0, 7), utc(0, 1))),
        ("2026-10-25 02:07:00", "2026-10-25 02:58:00", utc(1, 7), (utc(1, 7), utc(0, 58))),
        ("2026-10-25 02:37:00", "2026-10-25 02:28:00", utc(1, 37), (utc(1, 37), None)),
        ("2026-10-25 02:37:00", None, utc(1, 7), (None, None)),
    ],
)  # fmt: skip
def test_berlin_clock(
    clock: str | None,
    sync: str | None,
    now: datetime,
    read: tuple[datetime | None, datetime | None],
) -> None:
    """The footer's two times in UTC, as far as they can be decided."""
    assert berlin_clock(clock, sync, now) == read
