"""Where ledger and key lie: in a folder of their own that only Home Assistant's user may read."""

from dataclasses import dataclass
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.file import WriteError, write_utf8_file_atomic

from ..const import DOMAIN, LOGGER
from ..control.clock import Stamp
from ..control.errors import InvalidKey, LedgerDamaged, LedgerUnavailable
from ..control.keys import LedgerKey
from ..control.ledger import Ledger
from ..control.store import Store, set_aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A ledger that is open."""

    ledger: Ledger
    replaces: str | None = None
    """Name of the damaged file whose place it has taken."""


async def async_open(hass: HomeAssistant, gateway_id: str, stamp: Stamp) -> Opened:
    """Open a gateway's ledger, or make it; a damaged one is set aside and kept.

    Raises LedgerUnavailable, LedgerTooNew.
    """
    folder = Path(hass.config.path(STORAGE_DIR, DOMAIN))
    path = folder / f"{gateway_id.lower()}.ledger"
    key = await hass.async_add_executor_job(_key, path.with_suffix(".key"))
    ledger = Ledger(Store(path, key))
    try:
        await ledger.open(stamp)
    except LedgerDamaged as err:
        await ledger.close()
        name = await hass.async_add_executor_job(set_aside, path, stamp.utc)
        LOGGER.error("The ledger is damaged (%s); it was renamed to %s", err, name)
        ledger = Ledger(Store(path, key, replaces=name))
        await _open_or_close(ledger, stamp)
        return Opened(ledger=ledger, replaces=name)
    except BaseException:
        await ledger.close()
        raise
    return Opened(ledger=ledger)


async def _open_or_close(ledger: Ledger, stamp: Stamp) -> None:
    try:
        await ledger.open(stamp)
    except BaseException:
        await ledger.close()
        raise


def _key(path: Path) -> LedgerKey:
    """Return the ledger's key, made if there is none that can be used. Blocks."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            try:
                return LedgerKey.of_pem(path.read_text(encoding="ascii"))
            except InvalidKey, UnicodeDecodeError:
                # The ledger introduces the new key in a row of its own.
                LOGGER.error("The key of the ledger cannot be used; a new one is made")
        key = LedgerKey.made()
        write_utf8_file_atomic(str(path), key.pem(), private=True)
    except (OSError, WriteError) as err:
        raise LedgerUnavailable(type(err).__name__) from err
    return key
