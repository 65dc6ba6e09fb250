"""A tariff: which stage holds at which quarter hour of which day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from .errors import TariffInvalid

BERLIN = ZoneInfo("Europe/Berlin")
SLOT = timedelta(minutes=15)
SLOTS_A_DAY = 96
ERROR_STAGE = 63
"""The register for energy that belongs to no stage (TAF 2)."""
MOST_STAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A tariff stage."""

    number: int
    """1 to 62."""
    name: str


@dataclass(frozen=True, slots=True)
class DayProfile:
    """The stages of one day by quarter hours of the wall clock, from 00:00 on."""

    stages: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raise `TariffInvalid` unless each quarter hour is covered."""
        if len(self.stages) != SLOTS_A_DAY:
            raise TariffInvalid("slots_not_covered", f"{len(self.stages)} slots")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Stages over time, in German wall time.

    A day that stands in `days` has that profile, else the one of its weekday (Monday
    is 0). A day with neither has the stage `default`, if there is one.
    """

    name: str
    stages: tuple[Stage, ...]
    default: int | None = None
    profiles: Mapping[int, DayProfile] = field(default_factory=dict)
    """By an id of their own."""
    days: Mapping[date, int] = field(default_factory=dict)
    """Profile ids by day."""
    weekdays: Mapping[int, int] = field(default_factory=dict)
    """Profile ids by weekday."""

    def __post_init__(self) -> None:
        """Raise `TariffInvalid` with the rule that is broken."""
        numbers = [stage.number for stage in self.stages]
        if not numbers:
            raise TariffInvalid("no_stages")
        if len(numbers) > MOST_STAGES:
            raise TariffInvalid("too_many_stages")
        if len(set(numbers)) != len(numbers):
            raise TariffInvalid("stage_twice")
        if not all(0 < number < ERROR_STAGE for number in numbers):
            raise TariffInvalid("stage_number")
        used = {n for profile in self.profiles.values() for n in profile.stages}
        if self.default is not None:
            used.add(self.default)
        if unknown := used - set(numbers):
            raise TariffInvalid("unknown_stage", str(min(unknown)))
        for profile_id in (*self.days.values(), *self.weekdays.values()):
            if profile_id not in self.profiles:
                raise TariffInvalid("unknown_day_profile", str(profile_id))

    def profile_of(self, day: date) -> DayProfile | None:
        """Return the profile of a day."""
        profile_id = self.days.get(day, self.weekdays.get(day.weekday(), -1))
        return self.profiles.get(profile_id)

    def stage_at(self, moment: datetime) -> int | None:
        """Return the stage at a moment (aware); None if none holds.

        The hour that is there twice in October has the same stages twice.
        """
        wall = moment.astimezone(BERLIN)
        if (profile := self.profile_of(wall.date())) is None:
            return self.default
        return profile.stages[wall.hour * 4 + wall.minute // 15]

    def next_change(self, moment: datetime) -> datetime | None:
        """Return when (UTC) another stage begins; None within the next eight days."""
        now = self.stage_at(moment)
        seconds = int(moment.timestamp())
        slot = datetime.fromtimestamp(seconds - seconds % 900, UTC)
        for _ in range(8 * (SLOTS_A_DAY + 4)):
            slot += SLOT
            if self.stage_at(slot) != now:
                return slot
        return None
