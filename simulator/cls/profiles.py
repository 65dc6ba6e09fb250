"""Proxy profiles: which CLS may reach which EMT, and how; set by the GWA alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from simulator.tunnel.pki import plain

type Scenario = Literal["socks", "sni", "dial"]
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Profile:
    """One CLS certificate, one EMT, one way.

    ``cls``: SHA-256 of the CLS's certificate, 64 small hex digits. ``emt`` is the
    EMT's key in our world; ``name`` and ``port`` are what the CLS has to name,
    to the letter; ``address`` is where that is. ``scenario``: ``socks`` and
    ``sni`` (HKS3), or ``dial`` (HKS4, HKS5): then ``home`` is where the CLS
    listens, and ``every`` makes the gateway dial by itself, in seconds.
    ``session`` and ``idle`` are seconds (0: no limit); ``parallel`` channels at once.
    """

    key: str
    cls: str
    scenario: Scenario
    emt: str
    name: str
    port: int
    address: tuple[str, int]
    emt_fingerprint: str
    home: tuple[str, int] | None = None
    session: float = 2 * DAY
    idle: float = 0.0
    parallel: int = 1
    every: float = 0.0

    def __post_init__(self) -> None:
        """Check what would only show much later."""
        if (self.scenario == "dial") != (self.home is not None):
            raise ValueError(
                "a home address goes with the scenario 'dial', and only it"
            )
        if self.cls != plain(self.cls):
            raise ValueError("a fingerprint is 64 small hex digits")

    def shown(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in ("address", "home")
        } | {
            "address": list(self.address),
            "home": list(self.home) if self.home else None,
        }


class ProfileTable:
    """The profiles of a gateway, by key."""

    def __init__(self) -> None:
        """Begin empty: nobody may do anything."""
        self._rows: dict[str, Profile] = {}

    def __iter__(self) -> Iterator[Profile]:
        """Return all of them."""
        return iter(tuple(self._rows.values()))

    def get(self, key: str) -> Profile | None:
        """Return one."""
        return self._rows.get(key)

    def put(self, profile: Profile) -> None:
        """Add or replace one."""
        self._rows[profile.key] = profile

    def remove(self, key: str) -> Profile | None:
        """Forget one; return it if it was there."""
        return self._rows.pop(key, None)

    def change(self, key: str, **values: Any) -> Profile:
        """Change some values; KeyError if there is no such profile."""
        self._rows[key] = replace(self._rows[key], **values)
        return self._rows[key]

    def knows(self, cls: str) -> bool:
        """Tell whether a CLS certificate may come in at all."""
        return any(row.cls == cls for row in self._rows.values())

    def named(self, cls: str, name: str, port: int) -> Profile | None:
        """Return what a SOCKS request of this CLS means."""
        for row in self._rows.values():
            if row.scenario == "socks" and row.cls == cls:
                if row.name.casefold() == name.casefold() and row.port == port:
                    return row
        return None

    def sni(self, name: str, cls: str = "") -> Profile | None:
        """Return what a TLS server name means, to this CLS or to any."""
        for row in self._rows.values():
            if row.scenario == "sni" and row.name.casefold() == name.casefold():
                if cls in ("", row.cls):
                    return row
        return None
