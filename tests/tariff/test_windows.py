"""Tariffs made of windows."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from custom_components.smgw.tariff.errors import TariffInvalid
from custom_components.smgw.tariff.model import DayProfile, Stage, Tariff
from custom_components.smgw.tariff.windows import Window, tariff

BERLIN = ZoneInfo("Europe/Berlin")
MAY = (date(2026, 5, 1), date(2026, 5, 31))
NAMES = {1: "HT", 2: "NT"}


def at(text: str) -> datetime:
    """Return a German wall time."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def of(*windows: Window, holidays: tuple[date, ...] = ()) -> Tariff:
    """Return the tariff of some windows in May."""
    return tariff("x", NAMES, 1, windows, first=MAY[0], last=MAY[1], holidays=holidays)


def test_a_window_over_midnight() -> None:
    """It begins in the evening and ends the next morning."""
    stages = of(Window(stage=2, start=time(22), end=time(6)))

    assert stages.stage_at(at("2026-05-03T21:59")) == 1
    assert stages.stage_at(at("2026-05-03T22:00")) == 2
    assert stages.stage_at(at("2026-05-04T05:59")) == 2
    assert stages.stage_at(at("2026-05-04T06:00")) == 1


def test_weekends() -> None:
    """The window of Saturday reaches into Sunday, and a holiday is a Sunday."""
    stages = of(
        Window(stage=2, start=time(13), end=time(0), weekdays=frozenset({5})),
        Window(stage=2, start=time(0), end=time(0), weekdays=frozenset({6})),
        holidays=(date(2026, 5, 14),),
    )

    assert stages.stage_at(at("2026-05-09T12:59")) == 1
    assert stages.stage_at(at("2026-05-09T13:00")) == 2
    assert stages.stage_at(at("2026-05-10T23:59")) == 2
    assert stages.stage_at(at("2026-05-11T00:00")) == 1
    assert stages.stage_at(at("2026-05-14T12:00")) == 2
    assert stages.stage_at(at("2026-05-15T12:00")) == 1


def test_the_later_window_wins() -> None:
    """As in a list of exceptions."""
    stages = of(
        Window(stage=2, start=time(0), end=time(0)),
        Window(stage=1, start=time(12), end=time(13)),
    )

    assert stages.stage_at(at("2026-05-05T11:59")) == 2
    assert stages.stage_at(at("2026-05-05T12:00")) == 1


def test_outside_its_days_the_default_holds() -> None:
    """The stage of a moment is always known, if there is a default."""
    stages = of(Window(stage=2, start=time(0), end=time(0)))

    assert stages.stage_at(at("2026-06-01T12:00")) == 1


def test_next_change() -> None:
    """When the other stage begins, in UTC; none if it never does."""
    stages = of(Window(stage=2, start=time(22), end=time(6)))

    now = at("2026-05-05T12:07:30")
    assert stages.next_change(now) == datetime(2026, 5, 5, 20, tzinfo=UTC)
    assert of().next_change(now) is None


@pytest.mark.parametrize(
    ("window", "rule"),
    [
        (Window(stage=2, start=time(22, 5), end=time(6)), "not_on_quarter_hour"),
        (Window(stage=2, start=time(22), end=time(6, 0, 1)), "not_on_quarter_hour"),
        (
            Window(stage=2, start=time(1), end=time(6), weekdays=frozenset({7})),
            "weekday",
        ),
        (
            Window(stage=2, start=time(1), end=time(6), first=MAY[1], last=MAY[0]),
            "dates_swapped",
        ),
        (Window(stage=9, start=time(1), end=time(6)), "unknown_stage"),
    ],
)
def test_rules_of_windows(window: Window, rule: str) -> None:
    """Each has its name."""
    with pytest.raises(TariffInvalid) as caught:
        of(window)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("stages", "rule"),
    [
        ([], "no_stages"),
        (range(1, 22), "too_many_stages"),
        ([1, 1], "stage_twice"),
        ([63], "stage_number"),
        ([0], "stage_number"),
    ],
)
def test_rules_of_stages(stages: list[int], rule: str) -> None:
    """At most 20, each once; 63 is the error register's."""
    with pytest.raises(TariffInvalid) as caught:
        Tariff(name="x", stages=tuple(Stage(number=n, name="") for n in stages))
    assert caught.value.rule == rule


def test_rules_of_days() -> None:
    """A profile covers its day, and a day has a profile that exists."""
    with pytest.raises(TariffInvalid):
        DayProfile((1,) * 95)
    with pytest.raises(TariffInvalid) as caught:
        Tariff(name="x", stages=(Stage(number=1, name=""),), weekdays={0: 4})
    assert caught.value.rule == "unknown_day_profile"
    with pytest.raises(TariffInvalid):
        tariff("x", NAMES, 1, (), first=MAY[1], last=MAY[0])
