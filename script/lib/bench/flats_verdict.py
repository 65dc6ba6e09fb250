"""From measurements of houses to the lines of their table, each with its goal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median, quantiles

from .flats import SESSIONS, Facts, House
from .verdict import FlatsLine

# Of a house of one flat: what is done for all flats must not grow with each.
MAX_SESSION_RATIO = 3
MAX_START_RATIO = 2
MAX_HOLD = 0.05  # seconds

_MS, _MB = 1e3, 1e-6

type _Number = Callable[[House], float]


def flats_lines(
    maker: str, one: House, many: House, empty: House
) -> Iterator[FlatsLine]:
    """Return the lines of one maker; `empty` has no gateway."""
    lines = _Lines(maker, one, many, empty)
    yield lines.line("sensors with a value", lambda h: h.rounds["sensors"], ".0f")
    yield from _first_round(lines)
    yield from _further_rounds(lines)
    yield from _starts(lines)


class _Lines:
    """Makes lines: a measure is a function of the house."""

    def __init__(self, maker: str, one: House, many: House, empty: House) -> None:
        self.maker, self.one, self.many, self.empty = maker, one, many, empty

    def line(
        self,
        measure: str,
        number: _Number,
        form: str,
        *,
        empty: bool = False,
        ratio: bool = False,
        text: Callable[[House], str] | None = None,
        most: float | None = None,
        under: float | None = None,
    ) -> FlatsLine:
        """Return a line; `most` judges the ratio, `under` the value of many flats."""
        write = text or (lambda house: format(number(house), form))
        found = number(self.many) / number(self.one) if ratio else None
        goal, met = "", True
        if most is not None and found is not None:
            goal, met = f"at most {most:g} times", found <= most
        if under is not None:
            goal, met = f"under {under:g}", number(self.many) < under
        none = write(self.empty) if empty else ""
        one, many = write(self.one), write(self.many)
        return FlatsLine(self.maker, measure, none, one, many, found, goal, met)


def _first_round(lines: _Lines) -> Iterator[FlatsLine]:
    yield lines.line("first round, s", lambda h: h.first_round["time"], ".2f")
    yield lines.line("first round, CPU s", lambda h: h.first_round["cpu"], ".2f")
    yield lines.line(
        "first round, longest hold of the loop, CPU ms",
        lambda h: h.first_round["hold_own"] * _MS,
        ".0f",
    )
    yield lines.line(
        "memory added by it, MB",
        lambda h: (h.first_round["memory"] - h.before["memory"]) * _MB,
        ".1f",
    )


def _further_rounds(lines: _Lines) -> Iterator[FlatsLine]:
    yield lines.line(
        "a further round, s", lambda h: h.rounds["time"] * h.flats / SESSIONS, ".2f"
    )
    yield lines.line(
        "a further round, CPU s", lambda h: h.rounds["cpu"] * h.flats / SESSIONS, ".2f"
    )
    yield lines.line(
        "CPU per session of it, ms",
        lambda h: h.rounds["cpu"] * _MS / SESSIONS,
        ".1f",
        ratio=True,
        most=MAX_SESSION_RATIO,
    )
    yield lines.line(
        "the loop's thread alone, ms",
        partial(_median, name="loop_cpu"),
        "",
        ratio=True,
        text=partial(_spread, name="loop_cpu"),
    )
    yield lines.line(
        "longest hold of the loop in a session, ms",
        partial(_median, name="hold"),
        "",
        ratio=True,
        text=partial(_spread, name="hold"),
        under=MAX_HOLD * _MS,
    )
    yield lines.line(
        "the same in CPU time, ms",
        partial(_median, name="hold_own"),
        "",
        ratio=True,
        text=partial(_spread, name="hold_own"),
    )
    yield lines.line(
        "longest hold to store what was read, CPU ms",
        lambda h: h.stored["hold_own"] * _MS,
        ".1f",
    )
    yield lines.line(
        f"memory added by {SESSIONS} further sessions, MB",
        lambda h: (h.rounds["memory"] - h.first_round["memory"]) * _MB,
        ".1f",
    )


def _starts(lines: _Lines) -> Iterator[FlatsLine]:
    yield from _start(lines, "restart", lambda h: h.warm, MAX_START_RATIO)
    yield from _start(lines, "cold start", lambda h: h.cold)


def _start(
    lines: _Lines,
    kind: str,
    facts: Callable[[House], Sequence[Facts]],
    most: float | None = None,
) -> Iterator[FlatsLine]:
    def number(house: House, name: str, scale: float = 1) -> float:
        return scale * median(float(fact[name]) for fact in facts(house))

    yield lines.line(f"{kind}, s", partial(number, name="time"), ".2f", empty=True)
    yield lines.line(
        f"{kind}, CPU s",
        partial(number, name="cpu"),
        ".2f",
        empty=True,
        ratio=True,
        most=most,
    )
    yield lines.line(f"{kind}, sessions", partial(number, name="sessions"), ".0f")
    yield lines.line(
        f"{kind}, longest hold of the loop, CPU ms",
        partial(number, name="hold_own", scale=_MS),
        ".0f",
        empty=True,
    )


def _steady(house: House, name: str) -> list[float]:
    return [_MS * facts[name] for facts in house.sessions]


def _median(house: House, name: str) -> float:
    return median(_steady(house, name))


def _spread(house: House, name: str) -> str:
    """Return the median with the quartiles, in ms."""
    low, middle, high = quantiles(_steady(house, name), n=4)
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"
