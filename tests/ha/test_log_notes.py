"""What is new in a log, and what of it is our own doing."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.smgw.han.history import LogEntry, LogLevel
from custom_components.smgw.log_notes import LogMark, LogNotes

T = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEFORE = T - timedelta(days=1)
MINUTE = timedelta(minutes=1)
LOGIN = "Der Letztverbraucher ist angemeldet."


def entry(number: int | None, at: datetime, text: str = "Ein Eintrag") -> LogEntry:
    """Return an entry."""
    return LogEntry(
        number=number,
        time=at,
        level=LogLevel.INFO,
        success=True,
        event_id="",
        text=text,
    )


def test_by_number() -> None:
    """A clock that was put back hides nothing, and repeats nothing."""
    mark = LogMark()
    first = [entry(7, T), entry(8, T + MINUTE)]
    assert mark.fresh(first, BEFORE) == first
    mark.read(first, T)
    later = entry(9, T - MINUTE)
    assert mark.fresh([*first, later], BEFORE) == [later]
    mark.read([*first, later], T)
    assert mark.fresh([*first, later], BEFORE) == []


def test_counting_begins_anew() -> None:
    """After a change of the gateway's memory the time tells what is new."""
    mark = LogMark()
    mark.read([entry(700, T)], T)
    new = [entry(1, T + MINUTE), entry(2, T + 2 * MINUTE)]
    assert mark.fresh(new, BEFORE) == new
    mark.read(new, T)
    assert mark.number == 2


def test_without_numbers() -> None:
    """By time; of the same second, by what they say."""
    mark = LogMark()
    mark.read([entry(None, T, "eins")], T)
    twin = entry(None, T, "ein zweiter")
    assert mark.fresh([entry(None, T, "eins"), twin], BEFORE) == [twin]


def test_before_the_beginning() -> None:
    """What was before is no news."""
    assert LogMark().fresh([entry(1, BEFORE - MINUTE)], BEFORE) == []


def test_survives_storage() -> None:
    """Marks and sessions come back from disk."""
    mark, notes = LogMark(), LogNotes(since=BEFORE)
    mark.read([entry(7, T)], T)
    notes.opened(T)
    assert notes.announce(entry(7, T))
    assert LogMark.of(mark.as_dict()) == mark
    again = LogNotes.of(notes.as_dict())
    assert again == notes
    assert not again.announce(entry(7, T))


@pytest.mark.parametrize(
    ("seconds", "offset", "own"),
    [
        (3, 0, True),
        (25, 0, True),
        (-3, 0, True),
        (60, 0, False),
        (-60, 0, False),
        # the gateway's clock is two minutes ahead
        (123, 120, True),
        (3, 120, False),
        # nobody compares the clocks
        (100, None, True),
        (300, None, False),
    ],
)
def test_own_logins(seconds: int, offset: int | None, own: bool) -> None:
    """A login within half a minute of one of our sessions is ours."""
    notes = LogNotes()
    notes.opened(T)
    ahead = None if offset is None else timedelta(seconds=offset)
    at = T + timedelta(seconds=seconds)
    assert notes.is_own(entry(1, at, LOGIN), ahead) is own
    assert not notes.is_own(entry(1, at, "Selbsttest"), ahead)


def test_sessions_are_forgotten() -> None:
    """Ten days are remembered."""
    notes = LogNotes()
    for day in range(30):
        notes.opened(T + timedelta(days=day))
    assert len(notes.sessions) == 10
    # What lies before them may have been us.
    for day, own in ((18.5, True), (20.5, False)):
        found = entry(1, T + timedelta(days=day), LOGIN)
        for one in (notes, LogNotes.of(notes.as_dict())):
            assert one.is_own(found, timedelta(0)) is own
