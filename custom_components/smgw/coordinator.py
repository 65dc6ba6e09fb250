"""Live readings: one session per slot, whatever asks for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import uniform
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from . import devices, failures, issues, schedule
from .const import CONF_INTERVAL, DEFAULT_INTERVAL, DOMAIN, LOGGER, meter_identifier
from .han.driver import Driver, Vendor
from .han.errors import SmgwError, SmgwLoginError
from .han.model import Snapshot
from .logins import OWN_FAILURES, Login, Logins
from .memory import GatewayMemory, Hold
from .models import GatewayConfig, SmgwConfigEntry
from .symptoms import Situation


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
        self.logins = Logins(entry, memory.logins)
        for login in self.logins:
            # The same password once more, at each start, could lock the owner out.
            login.error = memory.refusal(login.credentials)
        self._interval = self.interval
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
        """Take over a changed interval or logins without a reload."""
        fresh = self.logins.sync(self.config_entry)
        self.async_forget_orphans()
        if self.interval != self._interval:
            self._interval = self.interval
            self._plan_next()
            self._schedule_refresh()
        if fresh:
            self.memory.hold = None
            self.config_entry.async_create_background_task(
                self.hass,
                self.async_refresh(),
                f"{self.name} first read with new login",
            )
        else:
            self._async_refresh_finished()
            self.async_update_listeners()

    @callback
    def async_forget_orphans(self) -> None:
        """Forget what only logins have seen that are removed, maybe in an earlier run."""
        self.memory.keep_only(login.credentials for login in self.logins)
        if orphans := self.logins.orphans():
            self.data = self.logins.merged(self.gateway_id)
            left = {meter_id for meter_id, _ in self.logins.registers}
            devices.async_forget(
                self.hass, self.config_entry, orphans, left | self.data.meters.keys()
            )
        self.memory.async_save()

    @callback
    def async_forget_meter(self, device: dr.DeviceEntry) -> None:
        """Forget a meter whose device the owner deletes; it may come back as new."""
        for meter_id in {meter_id for meter_id, _ in self.logins.registers}:
            identifier = (DOMAIN, meter_identifier(self.gateway_id, meter_id))
            if identifier in device.identifiers:
                self.logins.forget_meter(meter_id)
        self.memory.async_save()
        self.async_update_listeners()

    @callback
    def async_renew(self, login_id: str) -> None:
        """Read a login again that was refused, though its account did not change."""
        if self.logins.renew(login_id):
            self.memory.hold = None
            self.config_entry.async_create_background_task(
                self.hass, self.async_refresh(), f"{self.name} read with renewed login"
            )

    @override
    async def async_config_entry_first_refresh(self) -> None:
        """Read for the first time; a refusal has its issues as well."""
        try:
            await super().async_config_entry_first_refresh()
        except ConfigEntryAuthFailed:
            # Only here the base class leaves before it has finished.
            self._async_refresh_finished()
            raise

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Let the repair issues follow what the refresh has shown."""
        situation = Situation(
            config=GatewayConfig.of(self.config_entry),
            logins=self.logins,
            memory=self.memory,
            error=None if self.last_update_success else self.last_error,
            now=dt_util.utcnow(),
        )
        issues.async_sync(self.hass, self.config_entry, situation)

    @override
    async def _async_update_data(self) -> Snapshot:
        """Read the accounts whose turn it is, unless the gateway must be left alone.

        Fails if the gateway does, or if no account works; an account that fails alone
        takes only its own registers with it.
        """
        self._plan_next()
        now = dt_util.utcnow()
        if hold := self.memory.current_hold:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key=hold.key,
                translation_placeholders=dict(hold.placeholders),
                retry_after=(hold.until - now).total_seconds(),
            )
        turn = self._turn(now)
        for login in turn:
            await self._async_read(login)
        if error := self.logins.error:
            raise self._failure(error)
        if not turn and not self.last_update_success and self.last_error:
            # Nobody was asked, so nobody has said that the fault is over.
            raise failures.for_poll(self.last_error)
        snapshot = self.logins.merged(self.gateway_id)
        devices.async_show_firmware(self.hass, self.config_entry, snapshot.gateway)
        return snapshot

    def _turn(self, now: datetime) -> list[Login]:
        """Return whom to read: sessions of an entry keep the maker's distance.

        Accounts never read are the exception, an hour's worth of them: nobody wants
        to wait for the first values.
        """
        floor = self.vendor.floor
        interval = self._interval if self.last_update_success else floor
        turn = self.logins.turn(now, interval, max(1, schedule.HOUR // floor))
        if any(not login.last_session for login in turn):
            return turn
        return turn if schedule.is_due(now, self._last_session, floor) else []

    async def _async_read(self, login: Login) -> None:
        """Read one account; note a failure that is its own, raise any other."""
        login.last_session = now = dt_util.utcnow()
        before, self._last_session = self._last_session, now
        failed_before = login.error is not None
        try:
            snapshot = await self._driver.read_latest(login.credentials)
        except OWN_FAILURES as err:
            login.error = err
            self.memory.down_since = None
            if isinstance(err, SmgwLoginError):
                self.memory.refused(login.credentials, err)
            if not failed_before and self.logins.some_work:
                failure = failures.for_poll(err)
                LOGGER.warning("%s, login %s: %s", self.name, login.title, failure)
        except SmgwError as err:
            if failures.is_silence(err):
                self.memory.down_since = self.memory.down_since or now
            else:
                self.memory.down_since = None
            if not failures.costs_session(err):
                self._last_session = before
            # A fault often passes soon; a day would be long to wait.
            self._plan_next(self.vendor.floor)
            raise self._failure(err) from err
        else:
            self.logins.saw(login, snapshot, now)
            self.memory.accepted(login.credentials)
            if failed_before and len(self.logins) > 1:
                LOGGER.info("%s, login %s works again", self.name, login.title)
        finally:
            self.memory.async_save()

    def _failure(self, err: SmgwError) -> HomeAssistantError:
        """Return what to raise, having noted what must not happen next."""
        self.last_error = err
        LOGGER.debug("%s: %s (%s)", self.name, err.key, err.detail)
        if pause := failures.pause_after(err):
            until = dt_util.utcnow() + pause
            self.memory.hold = Hold(until, err.key, err.placeholders)
        return failures.for_poll(err)

    def _plan_next(self, interval: timedelta | None = None) -> None:
        """Put the next reading a little behind its slot."""
        now = dt_util.now()
        if interval is None:
            # Several accounts share the slots: each has its turn.
            interval = self._interval if len(self.logins) < 2 else self.vendor.floor
        due = schedule.next_reading(now, interval, self._delay())
        self.update_interval = due - dt_util.as_utc(now)
