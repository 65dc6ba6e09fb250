"""Live readings: one session per slot, whatever asks for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import uniform
from typing import override

from homeassistant.const import CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from . import failures, issues, schedule
from .const import CONF_INTERVAL, DEFAULT_INTERVAL, DOMAIN, LOGGER, SUBENTRY_LOGIN
from .han.driver import Driver, Vendor
from .han.errors import SmgwError
from .han.model import Credentials, Snapshot
from .memory import GatewayMemory, Hold
from .models import SmgwConfigEntry


def _spread() -> timedelta:
    """Return how long after its slot a reading starts."""
    return timedelta(
        seconds=uniform(
            schedule.SHORTEST_DELAY.total_seconds(),
            schedule.LONGEST_DELAY.total_seconds(),
        )
    )


class SmgwCoordinator(DataUpdateCoordinator[Snapshot]):
    """Reads one gateway."""

    config_entry: SmgwConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: SmgwConfigEntry,
        vendor: Vendor,
        driver: Driver,
        memory: GatewayMemory,
        delay: Callable[[], timedelta] = _spread,
    ) -> None:
        """Take the driver; `delay` returns the time between slot and reading."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=DEFAULT_INTERVAL,
            always_update=False,
        )
        self.vendor = vendor
        self._driver = driver
        self.memory = memory
        self._delay = delay
        self._credentials: Credentials | None = None
        self._interval = self.interval
        self._refused: ConfigEntryAuthFailed | None = None
        self._last_session: datetime | None = None
        self.last_error: SmgwError | None = None

    @property
    def gateway_id(self) -> str:
        """Return the gateway's id."""
        return self.config_entry.unique_id or ""

    @property
    def interval(self) -> timedelta:
        """Return the time between readings that the owner chose."""
        minutes = self.config_entry.options.get(CONF_INTERVAL)
        chosen = timedelta(minutes=minutes) if minutes else DEFAULT_INTERVAL
        return max(chosen, self.vendor.floor)

    @callback
    def async_settings_changed(self) -> None:
        """Take over a changed interval or login without a reload."""
        if self.interval != self._interval:
            self._interval = self.interval
            self._plan_next()
            self._schedule_refresh()
        if self._credentials != _credentials(self.config_entry):
            self._refused = None
            self._last_session = None
            self.memory.hold = None
            self.config_entry.async_create_background_task(
                self.hass,
                self.async_refresh(),
                f"{self.name} first read with new login",
            )

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Let the repair issues follow what the refresh has shown."""
        error = None if self.last_update_success else self.last_error
        issues.async_sync(self.hass, self.config_entry, error)

    @override
    async def _async_update_data(self) -> Snapshot:
        """Read the gateway, unless it was read just now or must be left alone."""
        self._plan_next()
        now = dt_util.utcnow()
        if self._refused is not None:
            # The same password again could lock the owner out.
            raise self._refused
        if hold := self.memory.current_hold:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key=hold.key,
                translation_placeholders=dict(hold.placeholders),
                retry_after=(hold.until - now).total_seconds(),
            )
        if (
            self.data is not None
            and self.last_update_success
            and not schedule.is_due(now, self._last_session, self.vendor.floor)
        ):
            return self.data
        self._last_session = now
        snapshot = await self._async_read()
        self._async_update_firmware(snapshot.gateway.firmware)
        return snapshot

    async def _async_read(self) -> Snapshot:
        self._credentials = _credentials(self.config_entry)
        if self._credentials is None:
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="no_login"
            )
        try:
            snapshot = await self._driver.read_latest(self._credentials)
        except SmgwError as err:
            self.last_error = err
            LOGGER.debug("%s: %s (%s)", self.name, err.key, err.detail)
            raise self._failure(err) from err
        finally:
            self.memory.async_save()
        return snapshot

    def _failure(self, err: SmgwError) -> Exception:
        """Return what to raise, having noted what must not happen next."""
        if pause := failures.pause_after(err):
            until = dt_util.utcnow() + pause
            self.memory.hold = Hold(until, err.key, err.placeholders)
        failure = failures.for_poll(err)
        if isinstance(failure, ConfigEntryAuthFailed):
            self._refused = failure
        return failure

    def _plan_next(self) -> None:
        """Put the next reading a little behind its slot."""
        now = dt_util.now()
        due = schedule.next_reading(now, self._interval, self._delay())
        self.update_interval = due - dt_util.as_utc(now)

    @callback
    def _async_update_firmware(self, firmware: str | None) -> None:
        """Show a new firmware on the gateway's device."""
        registry = dr.async_get(self.hass)
        device = registry.async_get_device_by_identifier(
            (DOMAIN, self.gateway_id), self.config_entry.entry_id
        )
        if device and firmware and device.sw_version != firmware:
            registry.async_update_device(device.id, sw_version=firmware)


def _credentials(entry: SmgwConfigEntry) -> Credentials | None:
    """Return the account of the entry's login."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_LOGIN):
        return Credentials(
            user=subentry.data[CONF_USERNAME], password=subentry.data[CONF_PASSWORD]
        )
    return None
