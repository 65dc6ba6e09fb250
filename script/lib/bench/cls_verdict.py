"""From the measurement of the CLS side to the lines of its table, each with its goal."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median, quantiles

from .cls import BARE, ClsResult, Series
from .verdict import Line

MAX_SHARE = 0.003
"""Seconds from command to state beyond those of the bare handler: median."""
MAX_PACE = 0.02
"""Seconds from command to state that 99 % stay below."""
MAX_LISTING = 0.1

_NAMES = {
    "switch": "CLS switch",
    "driven": "CLS switch that drives an entity",
    "limit": "limit of consumption",
}
_LISTINGS = {
    "thing": "of a device",
    "single": "granted one by one",
    "anew": "of a device, after a change of one",
}
_MB = 1e-6


def lines_of_cls(result: ClsResult) -> Iterator[Line]:
    """Return the lines of the table; the peer is the bare handler."""
    yield from _alone(result)
    yield from _pace(result)
    yield from _listings(result)
    yield from _crowd(result)


def _alone(result: ClsResult) -> Iterator[Line]:
    bare = result.alone[BARE]
    for kind, case in _NAMES.items():
        series = result.alone[kind]
        share = median(series.to_state) - median(bare.to_state)
        yield _times(case, "command to state, ms", series.to_state, bare.to_state)
        yield Line(
            case,
            "our share of it, ms",
            f"{1e3 * share:.2f}",
            "",
            None,
            f"at most {1e3 * MAX_SHARE:.0f}",
            met=share <= MAX_SHARE,
        )
        rested = median(result.rested[kind].to_state)
        rested -= median(result.rested[BARE].to_state)
        yield Line(case, "the same after a rest, ms", f"{1e3 * rested:.2f}", "", None)
        yield _times(case, "command and answer, ms", series.to_answer, bare.to_answer)
        yield _cpu(case, series, bare)
    yield Line(
        "all of these",
        "a transaction of the ledger, ms",
        _spread(result.appends),
        "",
        None,
    )


def _pace(result: ClsResult) -> Iterator[Line]:
    ours, bare = result.pace["ours"], result.pace[BARE]
    case = f"{result.scale.group} participants, one command a second each"
    worst = _part(ours.to_state, 99)
    yield _times(
        case,
        "command to state, ms",
        ours.to_state,
        bare.to_state,
        goal=f"99 % under {1e3 * MAX_PACE:.0f}",
        met=worst < MAX_PACE,
    )
    yield _times(case, "command and answer, ms", ours.to_answer, bare.to_answer)
    yield _share(case, ours, bare)


def _listings(result: ClsResult) -> Iterator[Line]:
    bare = result.listed[BARE]
    case = f"{result.scale.items} items listed, {result.size / 1e3:.0f} kB"
    for way, name in _LISTINGS.items():
        found = result.listed[way]
        yield _times(
            case,
            f"{name}, ms",
            found,
            bare,
            goal=f"under {1e3 * MAX_LISTING:.0f}",
            met=median(found) < MAX_LISTING,
        )


def _crowd(result: ClsResult) -> Iterator[Line]:
    facts, scale = result.run_facts, result.scale
    case = f"{scale.participants} participants connected for {scale.run} s"
    there, ended = facts["begun"], facts["ended"]
    lost = facts["gateway"]["ended"] + ended["tunnels"] - scale.participants
    yield Line(case, "tunnels lost", str(lost), "", None, "none", met=not lost)
    grown = ended["beats"] - there["beats"], ended["events"] - there["events"]
    yield Line(case, "signs of life, events told", f"{grown[0]}, {grown[1]}", "", None)
    bad = ended["bad_receipts"]
    yield Line(
        case,
        "receipts that are not good",
        f"{bad} of {ended['receipts']}",
        "",
        None,
        "none",
        met=not bad,
    )
    yield Line(case, "command to state, ms", _spread(result.run.to_state), "", None)
    yield Line(
        case,
        "CPU, all threads",
        f"{result.run.cpu / result.run.time:.1%}",
        "",
        None,
    )
    hold = facts["after"]["hold_own"]
    yield Line(case, "longest hold of the loop, CPU ms", f"{1e3 * hold:.1f}", "", None)
    added = facts["with_all"]["memory"] - facts["before"]["memory"]
    more = scale.participants - 2 * scale.group - 2
    yield Line(
        case,
        f"memory added by {more} of them, MB",
        f"{_MB * added:.1f}",
        "",
        None,
    )
    grew = facts["after"]["memory"] - facts["with_all"]["memory"]
    yield Line(case, "memory added meanwhile, MB", f"{_MB * grew:.1f}", "", None)


def _times(
    case: str,
    measure: str,
    ours: list[float],
    bare: list[float],
    goal: str = "",
    *,
    met: bool = True,
) -> Line:
    ratio = median(ours) / median(bare)
    return Line(case, measure, _spread(ours), _spread(bare), ratio, goal, met)


def _cpu(case: str, ours: Series, bare: Series) -> Line:
    each = [1e3 * series.cpu / len(series.to_state) for series in (ours, bare)]
    return Line(
        case,
        "CPU per command, ms",
        f"{each[0]:.1f}",
        f"{each[1]:.1f}",
        each[0] / each[1],
    )


def _share(case: str, ours: Series, bare: Series) -> Line:
    part = [series.cpu / series.time for series in (ours, bare)]
    return Line(
        case, "CPU, all threads", f"{part[0]:.1%}", f"{part[1]:.1%}", part[0] / part[1]
    )


def _spread(seconds: list[float]) -> str:
    """Return the median with the quartiles, and what 99 % stay below, in ms."""
    low, middle, high = (1e3 * value for value in quantiles(seconds, n=4))
    worst = 1e3 * _part(seconds, 99)
    return f"{middle:.1f} ({low:.1f}–{high:.1f}), p99 {worst:.1f}"


def _part(seconds: list[float], percent: int) -> float:
    """Return what so many percent do not exceed; never more than the longest."""
    return quantiles(seconds, n=100, method="inclusive")[percent - 1]
