"""Files that an action has made for the owner: private, and gone after a day.

They hold what a household uses in a quarter hour, so they lie in a folder that only
Home Assistant's own user reads, that no backup takes and no web server shows.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
import os
from pathlib import Path
import secrets
import shutil

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

KEPT = timedelta(days=1)
FOLDER = f"{DOMAIN}_downloads"
_DOWNLOADS: HassKey[Downloads] = HassKey(f"{DOMAIN}_downloads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that waits to be fetched."""

    token: str
    """Its name on disk, and in its address; nobody guesses it."""
    entry_id: str
    """Of which gateway it is."""
    name: str
    """What the browser calls it."""
    content_type: str
    path: Path
    size: int
    """Bytes."""
    sha256: str
    """Hex."""
    until: datetime
    """When it goes (UTC)."""


class Downloads:
    """All files that wait; they do not outlive a restart, as their links do not."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Own the folder."""
        self._hass = hass
        self._folder = Path(hass.config.cache_path(FOLDER))
        self._waiting: dict[str, Download] = {}
        self._timer: CALLBACK_TYPE | None = None

    async def async_clear(self) -> None:
        """Remove what an earlier run has left."""
        await self._hass.async_add_executor_job(_remove_folder, self._folder)

    def get(self, token: str) -> Download | None:
        """Return a file that still waits."""
        download = self._waiting.get(token)
        return download if download and download.until > dt_util.utcnow() else None

    async def async_add(
        self,
        entry_id: str,
        name: str,
        content_type: str,
        parts: Callable[[], Iterable[bytes]],
    ) -> Download:
        """Write a file; `parts` is called, and yields, in a worker thread."""
        token = secrets.token_urlsafe(24)
        path = self._folder / token
        size, digest = await self._hass.async_add_executor_job(_write, path, parts)
        download = Download(
            token=token,
            entry_id=entry_id,
            name=name,
            content_type=content_type,
            path=path,
            size=size,
            sha256=digest,
            until=dt_util.utcnow() + KEPT,
        )
        self._waiting[token] = download
        self._plan()
        return download

    async def async_forget(self, entry_id: str) -> None:
        """Remove the files of a gateway."""
        await self._async_remove(
            [one for one in self._waiting.values() if one.entry_id == entry_id]
        )

    @callback
    def async_stop(self, _: Event) -> None:
        """Cancel the timer."""
        if self._timer:
            self._timer()
            self._timer = None

    @callback
    def _plan(self) -> None:
        """Wake up when the next file goes."""
        if self._timer is None and self._waiting:
            due = min(download.until for download in self._waiting.values())
            self._timer = async_track_point_in_utc_time(
                self._hass, self._async_clean, due
            )

    async def _async_clean(self, now: datetime) -> None:
        """Remove what has lain there for a day."""
        self._timer = None
        await self._async_remove(
            [one for one in self._waiting.values() if one.until <= now]
        )
        self._plan()

    async def _async_remove(self, gone: list[Download]) -> None:
        for download in gone:
            self._waiting.pop(download.token, None)
        paths = [download.path for download in gone]
        await self._hass.async_add_executor_job(_remove, paths)


async def async_setup_downloads(hass: HomeAssistant) -> None:
    """Begin with an empty folder."""
    downloads = hass.data[_DOWNLOADS] = Downloads(hass)
    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, downloads.async_stop)
    await downloads.async_clear()


@callback
def async_downloads(hass: HomeAssistant) -> Downloads:
    """Return the files that wait."""
    return hass.data[_DOWNLOADS]


def _write(path: Path, parts: Callable[[], Iterable[bytes]]) -> tuple[int, str]:
    """Write a file that nobody else reads; return its size and SHA-256. Blocks."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    size, digest = 0, sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts():
                file.write(part)
                digest.update(part)
                size += len(part)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return size, digest.hexdigest()


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
