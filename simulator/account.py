"""A consumer's login on any gateway."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """A password and what the login sees; empty sets mean everything.

    ``meters`` holds meter ids, ``obis`` codes like ``1-0:1.8.0``, ``contracts``
    names of evaluation profiles. ``user_id`` is the name under which a gateway
    that has user ids keeps the consumer (empty: the gateway makes one up).
    """

    password: str
    meters: frozenset[str] = frozenset()
    obis: frozenset[str] = frozenset()
    contracts: frozenset[str] = frozenset()
    user_id: str = ""
