"""What was promised, counted: nothing done twice, no receipt lost, no minute unlimited that was owed a limit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from custom_components.smgw.control.ports import Because


@dataclass
class Broken:
    """Each of these is to stay empty."""

    twice: list[str] = field(default_factory=list)
    """Commands that were carried out more than once."""
    lost: list[str] = field(default_factory=list)
    """Commands without their one receipt, or told of in two ways."""
    unlimited: list[str] = field(default_factory=list)
    """Moments at which a limit was owed, and none or a larger one was shown."""
    above: list[str] = field(default_factory=list)
    """Moments at which the home drew more than it owed, and had had time to follow."""
    other: list[str] = field(default_factory=list)
    """Whatever else was promised."""

    def carried(self, writes: Iterable[tuple[str | None, str | None, str]]) -> None:
        """Count what was written to devices: participant, transaction, why."""
        done = Counter((who, what) for who, what, why in writes if why == "command")
        self.twice += [f"{key}: {times}" for key, times in done.items() if times > 1]

    def shown(self, when: str, watts: Decimal | None, owed: Decimal | None) -> None:
        """Look at the limit that is shown beside the one that is owed."""
        if owed is not None and (watts is None or watts > owed):
            self.unlimited.append(f"{when}: {watts} shown, {owed} owed")

    def drawn(self, when: str, watts: Decimal, owed: Decimal | None) -> None:
        """Look at the power beside the limit that is owed."""
        if owed is not None and watts > owed:
            self.above.append(f"{when}: {watts} drawn, {owed} owed")

    def judge(self) -> None:
        """Fail if anything was broken."""
        assert self == Broken(), self


def whose(because: Because) -> tuple[str | None, str | None, str]:
    """Return on whose behalf something was written."""
    return because.participant_id, because.transaction_id, because.why
