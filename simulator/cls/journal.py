"""What happened at the proxy, in order; readable from any thread."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
import logging
from threading import Condition
from typing import Any

from simulator.clock import SimClock, utc_text

_LOGGER = logging.getLogger(__name__)
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Event:
    """One line: number from 1, the gateway's time (aware UTC), kind, what is known.

    Kinds: ``han_open``, ``han_refused`` (``why``, ``alert``, ``address``),
    ``socks`` (``reply``, ``host``, ``port``), ``wan_open``, ``wan_failed``
    (``why``, ``alert``), ``dial_failed``, ``channel_open``, ``channel_closed``
    (``reason``, ``up``, ``down``, ``alert``), ``fault``, ``profile``, ``certificate``.
    """

    number: int
    at: datetime
    kind: str
    detail: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        """Return a detail, None if it is not known."""
        return self.detail.get(key)

    def shown(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "at": utc_text(self.at)}


class Journal:
    """The last events, to look at and to wait for."""

    def __init__(self, clock: SimClock) -> None:
        """Begin empty."""
        self._clock = clock
        self._events: list[Event] = []
        self._last = 0
        self._news = Condition()

    @property
    def last(self) -> int:
        """Return the newest number; 0 without any."""
        return self._last

    def add(self, kind: str, **detail: Any) -> None:
        """Write an event."""
        known = {key: value for key, value in detail.items() if value is not None}
        with self._news:
            self._last += 1
            self._events.append(Event(self._last, self._clock.now(), kind, known))
            if len(self._events) > _KEPT:
                del self._events[: _KEPT // 10]
            self._news.notify_all()
        _LOGGER.info("%s %s", kind, known)

    def events(self, kind: str = "", *, after: int = 0) -> list[Event]:
        """Return events of a kind (all, if empty) behind a number, oldest first."""
        with self._news:
            return [
                event
                for event in self._events
                if event.number > after and kind in ("", event.kind)
            ]

    def wait(
        self,
        kind: str,
        *,
        after: int = 0,
        seconds: float = 20,
        having: Callable[[Event], bool] = lambda _: True,
    ) -> Event:
        """Return the first such event, now or when it comes; TimeoutError if none."""
        found: list[Event] = []

        def there() -> bool:
            found[:] = filter(having, self.events(kind, after=after))
            return bool(found)

        with self._news:
            if not self._news.wait_for(there, seconds):
                raise TimeoutError(f"no {kind} in {seconds} s")
        return found[0]
