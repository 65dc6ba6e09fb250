"""What of a gateway's history is done; part of its memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from homeassistant.util import dt as dt_util

from . import coverage
from .coverage import Spans
from .han.history import Span
from .notes import RegisterKey


@dataclass(slots=True, kw_only=True)
class HistoryNotes:
    """Notes of one gateway's history; they outlive a restart.

    Noted is what the recorder has taken: whatever is lost on the way is missing here,
    and is asked for again.
    """

    done: dict[RegisterKey, Spans] = field(default_factory=dict)
    """What was read and recorded, or is known not to be there."""
    oldest: dict[RegisterKey, datetime] = field(default_factory=dict)
    """The oldest reading that was recorded (UTC), of registers that have any."""
    checked: dict[str, datetime] = field(default_factory=dict)
    """By meter: when its last days were last looked at for corrections (UTC)."""
    not_before: datetime | None = None
    """Since when the owner wants no more of the past (UTC); None if that is wanted."""

    def cover(self, key: RegisterKey, span: Span) -> None:
        """Note that a span is done."""
        self.done[key] = coverage.joined((*self.done.get(key, ()), span))

    def forget(self, keys: Iterable[RegisterKey], span: Span) -> None:
        """Note that a span is to be read again."""
        for key in keys:
            self.done[key] = coverage.without(self.done.get(key, ()), span)

    def recorded(self, key: RegisterKey, oldest: datetime) -> None:
        """Note that there are rows, and the oldest reading of them (UTC)."""
        self.oldest[key] = min(oldest, self.oldest.get(key, oldest))

    def missing(self, key: RegisterKey, within: Span) -> Spans:
        """Return what of a span is not done."""
        return coverage.missing(self.done.get(key, ()), within)

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored."""
        return {
            "done": [
                [*key, [[_text(span.start), _text(span.end)] for span in spans]]
                for key, spans in self.done.items()
            ],
            "oldest": [[*key, _text(oldest)] for key, oldest in self.oldest.items()],
            "checked": {meter: _text(at) for meter, at in self.checked.items()},
            "not_before": self.not_before and _text(self.not_before),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any], now: datetime) -> Self:
        """Read what was stored; what lies ahead of `now` is of a clock put back."""
        ahead = Span(now + timedelta(hours=1), datetime.max.replace(tzinfo=now.tzinfo))
        return cls(
            done={
                (meter_id, obis): coverage.without(
                    (Span(_moment(start), _moment(end)) for start, end in spans), ahead
                )
                for meter_id, obis, spans in stored["done"]
            },
            oldest={
                (meter_id, obis): _moment(oldest)
                for meter_id, obis, oldest in stored["oldest"]
            },
            checked={m: min(_moment(at), now) for m, at in stored["checked"].items()},
            not_before=_moment(stored["not_before"]) if stored["not_before"] else None,
        )


def _text(moment: datetime) -> str:
    return moment.isoformat()


def _moment(text: str) -> datetime:
    return dt_util.parse_datetime(text, raise_on_error=True)
