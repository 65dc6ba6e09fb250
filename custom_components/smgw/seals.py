"""What may be said of a gateway's signed exports: the key it was first seen with is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .const import CONF_ROOTS, LOGGER
from .coordinator import SmgwCoordinator
from .export.cms import Signed, Verdict, judge
from .han.errors import SignatureBroken, SmgwError
from .han.history import SignedFile, Span

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
def async_judge(coordinator: SmgwCoordinator, opened: Sequence[Signed]) -> Seal | None:
    """Judge what a gateway has signed, and keep its key if it is the first one.

    `opened` without their content. What was found is noted. None without any.
    """
    if not opened:
        return None
    memory, gateway_id = coordinator.memory, coordinator.gateway_id
    roots = roots_of(coordinator.config_entry.options)
    first, now = memory.signer, dt_util.utcnow()
    verdicts = []
    for signed in opened:
        verdict = judge(signed, gateway_id, memory.signer, roots, now)
        verdicts.append(verdict)
        if verdict is Verdict.KNOWN:
            memory.signer = memory.signer or signed.key
            memory.seals.other = None
        elif (
            signed.intact and signed.signer and memory.signer not in (None, signed.key)
        ):
            subject = signed.signer.subject.rfc4514_string()
            memory.seals.signed_by(signed.key, subject, now)
    worst = min(verdicts, key=_ORDER.index)
    memory.seals.judged(worst, now)
    memory.async_save()
    shown = opened[verdicts.index(worst)]
    return Seal(
        verdict=worst,
        key=shown.key,
        first_seen=first is None and memory.signer is not None,
        signer=shown.signer,
        others=shown.others,
    )


@callback
def async_came(
    coordinator: SmgwCoordinator, what: str, span: Span, signed: SignedFile | None
) -> None:
    """Note a part of a meter's history, or of the log (empty), that could be read."""
    notes = coordinator.memory.seals
    before = notes.other, dict(notes.broken)
    if signed:
        async_judge(coordinator, [signed.opened])
    notes.was_read(what, span)
    if (notes.other, notes.broken) != before:
        coordinator.async_update_issues()


@callback
def async_broken(
    coordinator: SmgwCoordinator, what: str, span: Span, err: SmgwError
) -> None:
    """Note one whose signature is broken; whatever else an error is about is none."""
    if not isinstance(err, SignatureBroken):
        return
    part = err.original.span if err.original else span
    coordinator.memory.seals.was_broken(what, part, dt_util.utcnow())
    coordinator.memory.async_save()
    LOGGER.warning(
        "%s: what it signed from %s to %s is broken, nothing of it is used",
        coordinator.name,
        part.start,
        part.end,
    )
    coordinator.async_update_issues()


def roots_of(options: Mapping[str, Any]) -> list[x509.Certificate]:
    """Return the certificates that the owner trusts. Raises `ValueError` for others."""
    text: str = options.get(CONF_ROOTS, "")
    return x509.load_pem_x509_certificates(text.encode()) if text else []
