"""What was refused to the owner, as Home Assistant's errors."""

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util

from .bridge.room import ControlRoom, Ordered
from .const import DOMAIN
from .control.command import Verdict
from .control.reasons import Reason
from .symptoms import local_time
from .texts import reason_text

_HELD = {Reason.PROTECTED, Reason.OUTRANKED, Reason.HELD}
_BOOKS = {Reason.LEDGER_UNAVAILABLE, Reason.CLOSED}


def check(room: ControlRoom, ordered: Ordered, item_id: str) -> None:
    """Raise what the owner has to know about a command of an item."""
    verdict = ordered.answer.verdict
    if not verdict.accepted:
        raise refused(room, verdict, item_id)
    if not ordered.done:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="command_failed"
        )


def refused(
    room: ControlRoom, verdict: Verdict, item_id: str | None = None
) -> HomeAssistantError:
    """Return why a command was refused."""
    if verdict.reason in _BOOKS:
        return HomeAssistantError(
            translation_domain=DOMAIN, translation_key="ledger_unavailable"
        )
    hold = None if item_id is None else room.picture.items.get(item_id)
    if verdict.reason in _HELD and hold is not None:
        name = room.name(hold.participant_id) or hold.participant_id
        if hold.until is None:
            return ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="item_held",
                translation_placeholders={"participant": name},
            )
        return ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="item_held_until",
            translation_placeholders={
                "participant": name,
                "until": local_time(hold.until, dt_util.utcnow()),
            },
        )
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="command_refused",
        translation_placeholders={"reason": reason_text(room.hass, verdict.reason)},
    )
