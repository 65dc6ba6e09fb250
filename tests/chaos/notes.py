"""What participants have noted of their commands, and what is owed to them by these notes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from simulator.emt.calls import Call

from .promises import Broken

_MARGIN = 0.05
"""Seconds before its end in which nobody can say whether a limit is owed."""


@dataclass
class Note:
    """A command: when it was first sent, when it was answered at last, and how."""

    call: Call
    sent: float
    answered: float
    verdict: str
    until: float | None = None

    @classmethod
    def of(cls, call: Call, sent: float, answered: float, told: Any) -> Note:
        """Take an answer, or the code of a problem."""
        if isinstance(told, str):
            return cls(call, sent, answered, told)
        until = told["until"]
        end = None if until is None else datetime.fromisoformat(until).timestamp()
        return cls(call, sent, answered, told["verdict"], end)

    @property
    def watts(self) -> Decimal | None:
        """Return what it limits to; None: it takes limits back."""
        assert self.call.body is not None
        watts = self.call.body.get("watts")
        return None if watts is None else Decimal(str(watts))

    @property
    def about_limits(self) -> bool:
        """Say whether it changes what is owed."""
        return self.verdict == "possible" and (
            "/limits" in self.call.path or self.call.path.endswith("v1/release")
        )


def owed(notes: Iterable[list[Note]], at: float) -> Decimal | None:
    """Return the limit that is owed for sure at a moment, to each with its own notes."""
    found = [limit for own in notes if (limit := _owed(own, at)) is not None]
    return min(found, default=None)


def _owed(notes: list[Note], at: float) -> Decimal | None:
    current: Decimal | None = None
    for note in notes:
        if not note.about_limits or note.sent > at:
            continue
        over = note.until is not None and at > note.until - _MARGIN
        watts = None if over else note.watts
        if note.answered < at:
            current = watts
        elif current is not None:
            # Under way: either of the two may apply.
            current = None if watts is None else max(current, watts)
    return current


def compare(
    notes: list[list[Note]], shown: list[Any], written: list[Any], broken: Broken
) -> None:
    """Look at everything that was shown and done beside what was owed at that moment."""
    at_answers = [(note.answered + 1e-6, None) for own in notes for note in own]
    told: Decimal | None = None
    for at, line in sorted(
        [*((line["at"], line) for line in shown), *at_answers], key=lambda it: it[0]
    ):
        if line is not None:
            told = None if line["watts"] is None else Decimal(line["watts"])
        broken.shown(str(at), told, owed(notes, at))
    state = {"number.wallbox": Decimal(11000), "switch.heatpump": True}
    for line in written:
        before = _drawn(state)
        if line["item"] in state:
            value = line["value"]
            state[line["item"]] = value if isinstance(value, bool) else Decimal(value)
        if _drawn(state) > before:
            # What relieves the grid may be late; what loads it may never come.
            broken.drawn(str(line["at"]), _drawn(state), owed(notes, line["at"]))


def _drawn(state: dict[str, Any]) -> Decimal:
    pump = Decimal(2500) if state["switch.heatpump"] else Decimal(0)
    return Decimal(state["number.wallbox"]) + pump + 300
