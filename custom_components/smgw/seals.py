"""What may be said of a gateway's signed exports: the key it was first seen with is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .const import CONF_ROOTS
from .export.cms import Signed, Verdict, judge
from .models import SmgwConfigEntry

# The worst comes first.
_ORDER = (Verdict.BROKEN, Verdict.UNKNOWN, Verdict.KNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What may be said of one or several containers together."""

    verdict: Verdict
    """The worst of them."""
    key: str
    """SHA-256 of the signer's public key, hex; empty without one."""
    first_seen: bool
    """Whether this is the first key that was seen of this gateway."""
    signer: x509.Certificate | None
    others: tuple[x509.Certificate, ...] = ()
    """The certificates that came with it."""


@callback
def async_judge(entry: SmgwConfigEntry, opened: Sequence[Signed | None]) -> Seal | None:
    """Judge what a gateway has signed, and keep its key if it is the first one.

    `opened` without their content; None is what could not be opened. None without any.
    """
    if not opened:
        return None
    memory = entry.runtime_data.coordinator.memory
    gateway_id = entry.runtime_data.config.gateway_id
    roots = roots_of(entry.options)
    first = memory.signer
    verdicts = []
    for signed in opened:
        verdict = (
            Verdict.BROKEN
            if signed is None
            else judge(signed, gateway_id, memory.signer, roots, dt_util.utcnow())
        )
        verdicts.append(verdict)
        if memory.signer is None and signed and verdict is Verdict.KNOWN:
            memory.signer = signed.key
            memory.async_save()
    worst = min(verdicts, key=_ORDER.index)
    shown = opened[verdicts.index(worst)]
    return Seal(
        verdict=worst,
        key=shown.key if shown else "",
        first_seen=first is None and memory.signer is not None,
        signer=shown.signer if shown else None,
        others=shown.others if shown else (),
    )


def roots_of(options: Mapping[str, Any]) -> list[x509.Certificate]:
    """Return the certificates that the owner trusts. Raises `ValueError` for others."""
    text: str = options.get(CONF_ROOTS, "")
    return x509.load_pem_x509_certificates(text.encode()) if text else []
