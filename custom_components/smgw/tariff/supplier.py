"""The supplier's tariff file after VDE-AR-E 2418-6, read and checked.

Element names and rules are those of the official transparency software: the file names
the contract it is for, each quarter hour of each day profile is covered, and each day
of the billing period has a profile.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET
from xml.parsers import expat

from .errors import OtherContract, TariffInvalid, TariffUnreadable
from .model import BERLIN, SLOTS_A_DAY, DayProfile, Stage, Tariff

MOST_BYTES = 4 * 1024 * 1024
_DAY = timedelta(days=1)
_LONGEST_TEXT = 200
_USE_CASES = frozenset({"1", "2", "TAF1", "TAF2", "TAF-1", "TAF-2"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierTariff:
    """A supplier's tariff for one contract and one billing period."""

    use_case: int
    """1 or 2 (TAF)."""
    tariff: Tariff
    start: datetime
    end: datetime
    """UTC."""
    usage_point: str
    invoicing_party: str
    gateway_id: str

    def check_contract(
        self, *, usage_point: str, tariff_name: str, gateway_id: str
    ) -> None:
        """Raise `OtherContract` unless it is for this contract and gateway."""
        for ours, theirs in (
            (usage_point, self.usage_point),
            (tariff_name, self.tariff.name),
            (gateway_id.upper(), self.gateway_id.upper()),
        ):
            if ours != theirs:
                raise OtherContract(f"for {theirs[:40]}")


def read(content: bytes) -> SupplierTariff:
    """Return the tariff of a file. Raises `TariffUnreadable` and `TariffInvalid`."""
    root = _parse(content)
    point = _only(root, "UsagePoint")
    profile = _only(point, "AnalysisProfile")
    use_case = _text(profile, "tariffUseCase").upper().replace(" ", "")
    if use_case not in _USE_CASES:
        raise TariffInvalid("use_case", use_case[:10])
    stages = tuple(
        Stage(number=_number(stage, "tariffNumber"), name=_text(stage, "description"))
        for stage in _all(profile, "TariffStage")
    )
    default = _find(profile, "defaultTariffNumber")
    start, end = _billing_period(_only(profile, "billingPeriod"))
    profiles, days = _calendar(profile)
    tariff = Tariff(
        name=_text(point, "tariffName"),
        stages=stages,
        default=None if default is None else _number(profile, "defaultTariffNumber"),
        profiles=profiles,
        days=days,
    )
    _check_days(tariff, start, end)
    return SupplierTariff(
        use_case=int(use_case[-1]),
        tariff=tariff,
        start=start,
        end=end,
        usage_point=_text(point, "usagePointId"),
        invoicing_party=_text(_only(point, "InvoicingParty"), "invoicingPartyId"),
        gateway_id=_text(_only(point, "SMGW"), "smgwId"),
    )


def _parse(content: bytes) -> ET.Element:
    """Return the root of a document without a document type, which may hold bombs."""
    if len(content) > MOST_BYTES:
        raise TariffUnreadable("too large")

    def refuse(*_: object) -> None:
        raise TariffUnreadable("document type")

    scout = expat.ParserCreate()
    scout.StartDoctypeDeclHandler = refuse
    try:
        scout.Parse(content, True)
        # Without a document type there are no entities to blow up.
        return ET.fromstring(content)  # noqa: S314
    except expat.ExpatError, ET.ParseError, ValueError, LookupError:
        raise TariffUnreadable("no XML") from None


def _calendar(profile: ET.Element) -> tuple[dict[int, DayProfile], dict[date, int]]:
    """Return day profiles by id, and the ids by day."""
    trigger = _find(profile, "TariffChangeTrigger")
    timed = None if trigger is None else _find(trigger, "TimeTrigger")
    if timed is None:
        return {}, {}
    profiles: dict[int, DayProfile] = {}
    for day in _all(timed, "DayProfile"):
        number = _number(day, "dayId")
        if number in profiles:
            raise TariffInvalid("day_profile_twice", str(number))
        profiles[number] = _day_profile(day)
    days: dict[date, int] = {}
    for special in _all(timed, "SpecialDayProfile"):
        when = _date(_only(special, "specialDayDate"))
        if when in days:
            raise TariffInvalid("day_twice", when.isoformat())
        days[when] = _number(special, "dayId")
    return profiles, days


def _day_profile(day: ET.Element) -> DayProfile:
    """Return the profile of its switching times, each of which lasts until the next."""
    switches: dict[int, int] = {}
    for entry in _all(day, "DayTimeProfile"):
        start = _only(entry, "startTime")
        hour, minute = _number(start, "hour"), _optional(start, "minute")
        rest = _optional(start, "second") or _optional(start, "hundreds")
        if hour > 23 or minute > 59 or minute % 15 or rest:
            raise TariffInvalid("not_on_quarter_hour", f"{hour}:{minute:02}")
        slot = hour * 4 + minute // 15
        if slot in switches:
            raise TariffInvalid("slot_twice", f"{hour}:{minute:02}")
        switches[slot] = _number(entry, "tariffNumber")
    if 0 not in switches:
        raise TariffInvalid("slots_not_covered", "00:00")
    stages: list[int] = []
    for slot in range(SLOTS_A_DAY):
        stages.append(switches.get(slot, stages[-1] if stages else 0))
    return DayProfile(tuple(stages))


def _check_days(tariff: Tariff, start: datetime, end: datetime) -> None:
    if tariff.default is None or tariff.profiles:
        day = start.astimezone(BERLIN).date()
        last = (end - timedelta(microseconds=1)).astimezone(BERLIN).date()
        while day <= last:
            if tariff.profile_of(day) is None:
                raise TariffInvalid("day_not_covered", day.isoformat())
            day += _DAY


def _billing_period(element: ET.Element) -> tuple[datetime, datetime]:
    seconds = _number(element, "duration")
    try:
        start = datetime.fromisoformat(_text(element, "start"))
    except ValueError:
        raise TariffInvalid("period_start") from None
    if start.tzinfo is None:
        raise TariffInvalid("period_start", "without zone")
    if not 86_400 - 3600 <= seconds <= 94_694_400:
        raise TariffInvalid("period_length")
    start = start.astimezone(UTC)
    return start, start + timedelta(seconds=seconds)


def _date(element: ET.Element) -> date:
    """Return a date, written as parts or as text."""
    try:
        if _find(element, "year") is None:
            return date.fromisoformat((element.text or "").strip())
        return date(
            _number(element, "year"),
            _number(element, "month"),
            _number(element, "dayOfMonth"),
        )
    except ValueError:
        raise TariffInvalid("date") from None


def _all(parent: ET.Element, name: str) -> Iterator[ET.Element]:
    """Yield the children of a name, whatever their namespace."""
    for child in parent:
        if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name:
            yield child


def _find(parent: ET.Element, name: str) -> ET.Element | None:
    return next(_all(parent, name), None)


def _only(parent: ET.Element, name: str) -> ET.Element:
    found = list(_all(parent, name))
    if len(found) != 1:
        raise TariffUnreadable(f"{len(found)} x {name}")
    return found[0]


def _text(parent: ET.Element, name: str) -> str:
    return (_only(parent, name).text or "").strip()[:_LONGEST_TEXT]


def _number(parent: ET.Element, name: str) -> int:
    text = _text(parent, name)
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise TariffInvalid("number", name)
    return int(text)


def _optional(parent: ET.Element, name: str) -> int:
    return 0 if _find(parent, name) is None else _number(parent, name)
