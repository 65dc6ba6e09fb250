"""From measurements to the lines of the table, each with its goal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, quantiles

from .cases import MAX_CPU_RATIO, MAX_HOLD, PAGE
from .measure import Pair, PollResult


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one case: both clients, in the same unit."""

    case: str
    measure: str
    ours: str
    peer: str
    ratio: float
    goal: str = ""
    met: bool = True

    @property
    def verdict(self) -> str:
        """Return the last word on it."""
        if not self.goal:
            return ""
        return "met" if self.met else "**missed**"


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
    ratio = _ratio(result.cpu)
    yield _line(
        case.title,
        "CPU per poll, ms",
        result.cpu,
        scale=1e3,
        goal=f"at most {MAX_CPU_RATIO} of the peer",
        met=ratio <= MAX_CPU_RATIO,
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


def line_of_parsing(cpu: Pair[list[float]]) -> Line:
    """Return the line of the large page."""
    return _line(PAGE.title, "CPU to parse, ms", cpu, scale=1e3)


def _line(
    case: str,
    measure: str,
    values: Pair[list[float]],
    *,
    scale: float = 1,
    goal: str = "",
    met: bool = True,
) -> Line:
    return Line(
        case,
        measure,
        _text(values.ours, scale),
        _text(values.peer, scale),
        _ratio(values),
        goal,
        met,
    )


def _ratio(values: Pair[list[float]]) -> float:
    return median(values.ours) / median(values.peer)


def _text(values: list[float], scale: float) -> str:
    """Return the median; of times also the quartiles, which say how steady it is."""
    if scale == 1:
        return f"{median(values):.0f}"
    low, middle, high = (scale * value for value in quantiles(values, n=4))
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"
