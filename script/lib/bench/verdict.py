"""From measurements to the lines of the table, each with its goal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, quantiles

from .cases import MAX_HOLD, PAGE
from .measure import Numbers, PollResult


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one case: both clients, in the same unit; `peer` may be empty."""

    case: str
    measure: str
    ours: str
    peer: str
    ratio: float | None
    goal: str = ""
    met: bool = True

    @property
    def verdict(self) -> str:
        """Return the last word on it."""
        return _last_word(self.goal, met=self.met)


@dataclass(frozen=True, slots=True)
class FlatsLine:
    """One measure of an apartment house: without a gateway, one flat, many flats."""

    case: str
    measure: str
    none: str
    one: str
    many: str
    ratio: float | None
    goal: str = ""
    met: bool = True

    @property
    def ours(self) -> str:
        """Return what the goal is about."""
        return self.many

    @property
    def verdict(self) -> str:
        """Return the last word on it."""
        return _last_word(self.goal, met=self.met)


def _last_word(goal: str, *, met: bool) -> str:
    if not goal:
        return ""
    return "met" if met else "**missed**"


def lines_of(result: PollResult) -> Iterator[Line]:
    """Return the lines of one case."""
    case = result.case
    most = max(result.requests.ours)
    yield _line(
        case.title,
        "requests per poll",
        result.requests,
        goal=f"at most {case.max_requests}",
        met=most <= case.max_requests,
    )
    ratio, most_cpu = _ratio(result.cpu), case.max_cpu_ratio
    yield _line(
        case.title,
        "CPU per poll, ms",
        result.cpu,
        scale=1e3,
        goal=f"at most {most_cpu} of the peer" if most_cpu else "",
        met=not most_cpu or (ratio is not None and ratio <= most_cpu),
    )
    yield _line(case.title, "bytes per poll, both ways", result.passed)
    yield _line(
        case.title,
        "longest hold of the loop, ms",
        result.hold,
        scale=1e3,
        goal=f"under {MAX_HOLD * 1e3:.0f} ms",
        met=median(result.hold.ours) < MAX_HOLD,
    )
    yield _line(case.title, "the same in CPU time, ms", result.hold_cpu, scale=1e3)


def line_of_parsing(cpu: Numbers) -> Line:
    """Return the line of the large page."""
    return _line(PAGE.title, "CPU to parse, ms", cpu, scale=1e3)


def _line(
    case: str,
    measure: str,
    values: Numbers,
    *,
    scale: float = 1,
    goal: str = "",
    met: bool = True,
) -> Line:
    return Line(
        case,
        measure,
        _text(values.ours, scale),
        "" if values.peer is None else _text(values.peer, scale),
        _ratio(values),
        goal,
        met,
    )


def _ratio(values: Numbers) -> float | None:
    if values.peer is None:
        return None
    return median(values.ours) / median(values.peer)


def _text(values: list[float], scale: float) -> str:
    """Return the median; of times also the quartiles, which say how steady it is."""
    if scale == 1:
        return f"{median(values):.0f}"
    low, middle, high = (scale * value for value in quantiles(values, n=4))
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"
