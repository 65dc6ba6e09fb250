"""Who takes part in the measurement of the CLS side, as the owner would have set them up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from custom_components.smgw.cls.identity import Identity

GATEWAY = "EPPC0210123456"
CURVE = "secp256r1"

type Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gateway is, and what its certificate is."""

    host: str
    port: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Peer:
    """One participant: how the gateway and the home know it, and the home's key for it."""

    number: int
    emt: Facts
    own: Identity

    @property
    def key(self) -> str:
        """Return its name in this measurement."""
        return str(self.emt["key"])

    @property
    def participant_id(self) -> str:
        """Return the id of its subentry."""
        return f"01K9Z6Q00000000000000000{self.number:02}"

    @property
    def profile(self) -> Facts:
        """Return what the gateway has to know."""
        return {**self.emt, "cls": self.own.facts.fingerprint}

    def switch_id(self, drives: bool) -> str:
        """Return the id of its CLS switch: one that drives an entity, or one that stands alone."""
        return f"01K9Z6Q0000000000000000{1 + drives}{self.number:02}"

    def participant(self, place: Place, **grants: Any) -> Facts:
        """Return its subentry."""
        return _subentry(
            "participant",
            self.participant_id,
            self.key,
            {
                "role": "supplier",
                "tunnel": "out_socks",
                "host": place.host,
                "port": place.port,
                "emt_host": self.emt["name"],
                "emt_port": self.emt["port"],
                "peers": [place.fingerprint],
                "curve": CURVE,
                "identities": [
                    {"certificate": self.own.certificate, "key": self.own.key}
                ],
                **grants,
            },
        )

    def switch(self, drives: str | None = None) -> Facts:
        """Return the subentry of its CLS switch."""
        data: Facts = {"participants": [self.participant_id]}
        if drives is not None:
            data["drives"] = drives
        switch_id = self.switch_id(drives is not None)
        return _subentry("switch", switch_id, f"{self.key} {switch_id[-3]}", data)

    def bare(self, place: Place) -> Facts:
        """Return what a tunnel to the bare handler needs."""
        return {
            "key": self.key,
            "host": place.host,
            "port": str(place.port),
            "peer": place.fingerprint,
            "emt_host": self.emt["name"],
            "emt_port": str(self.emt["port"]),
            "certificate": self.own.certificate,
            "private": self.own.key,
        }


def peers(emts: Iterable[Facts]) -> list[Peer]:
    """Return all of them, each with a new key of ours. Blocks for some milliseconds each."""
    now = datetime.now(UTC)
    return [
        Peer(number, emt, Identity.made(CURVE, f"HA-{emt['key']}", now))
        for number, emt in enumerate(emts)
    ]


def boiler(number: int) -> str:
    """Return an entity that a CLS switch drives."""
    return f"input_boolean.boiler_{number}"


def configuration(boilers: int) -> str:
    """Return what the home has besides."""
    lines = [f"  {boiler(number).partition('.')[2]}:" for number in range(boilers)]
    return "\n".join(["input_boolean:", *lines, ""])


def first_subentries(place: Place, measured: Sequence[Peer]) -> list[Facts]:
    """Return those who are there from the beginning: each with two switches, and limits."""
    limits = {"consumption": {"open_ended": True}}
    return [
        subentry
        for peer in measured
        for subentry in (
            peer.participant(place, limits=limits),
            peer.switch(),
            peer.switch(drives=boiler(peer.number)),
        )
    ]


def further_subentries(place: Place, added: Iterable[Peer]) -> Iterator[Facts]:
    """Yield those who come later, with a switch each."""
    for peer in added:
        yield peer.participant(place)
        yield peer.switch()


def _subentry(kind: str, subentry_id: str, title: str, data: Facts) -> Facts:
    return {
        "data": data,
        "subentry_id": subentry_id,
        "subentry_type": kind,
        "title": title,
        "unique_id": f"{kind}_{subentry_id}",
    }
