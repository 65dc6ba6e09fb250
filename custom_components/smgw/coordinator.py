"""Live readings: one session per slot, whatever asks for it."""

from datetime import datetime, timedelta
from random import random
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from . import backoff, devices, failures, issues, schedule
from .budget import Kind
from .const import DEFAULT_INTERVAL, DOMAIN, LOGGER, meter_identifier
from .errands import Errands
from .han.driver import Driver, Vendor
from .han.errors import PortalLocked, SmgwError, SmgwLoginError
from .han.model import Snapshot
from .logins import OWN_FAILURES, ContractSeen, Login, Logins
from .memory import GatewayMemory, Hold, Trouble
from .models import GatewayConfig, SmgwConfigEntry
from .notes import RegisterKey
from .pace import Pace
from .symptoms import Situation, local_time

# Timers may ring a little early.
_EARLY = timedelta(seconds=1)


class SmgwCoordinator(DataUpdateCoordinator[Snapshot]):
    """Reads one gateway."""

    config_entry: SmgwConfigEntry
    contracts: dict[str, ContractSeen]
    """What the logins see of contracts, by logical name, as last told."""
    delivered: set[RegisterKey]
    """What logins that work have delivered, as last told."""
    patience: timedelta
    """How old the newest reading of a register may be, as last told."""
    _due: datetime
    """When to wake up next."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: SmgwConfigEntry,
        vendor: Vendor,
        driver: Driver,
        memory: GatewayMemory,
    ) -> None:
        """Take the driver, and what is known from before."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=DEFAULT_INTERVAL,
            always_update=False,
        )
        self.vendor = vendor
        self.driver = driver
        self.memory = memory
        self.budget = memory.budget
        self.logins = Logins(entry, memory.logins)
        for login in self.logins:
            # The same password once more, at each start, could lock the owner out.
            login.error = memory.refusal(login.credentials)
        self._recall()
        self.pace = self._pace_now()
        self._put_together()
        self.budget.allowance = self.pace.allowance
        self._plan_next()
        self.last_error: SmgwError | None = None
        self.errands = Errands(self)
        """What rides in the sessions of the polls."""

    @property
    def gateway_id(self) -> str:
        """Return the gateway's id."""
        return self.config_entry.unique_id or ""

    @property
    def each(self) -> timedelta:
        """Return how often each login is read at the present pace."""
        return self.pace.each(self.logins.readable)

    @property
    def next_poll(self) -> datetime:
        """Return when the gateway is read next, as far as is known now (UTC).

        A slot that comes too soon behind another session is left out.
        """
        floor = self.budget.allowance.floor
        due, free = self._due, self.budget.not_before(Kind.POLL)
        while free - due > schedule.tolerance(floor):
            due = self._slot_after(due)
        return due

    def polls_ahead(self, within: timedelta) -> list[datetime]:
        """Return the polls planned for the time to come (UTC)."""
        end, polls = dt_util.utcnow() + within, [self._due]
        while polls[-1] <= end:
            polls.append(self._slot_after(polls[-1]))
        return polls[:-1]

    @callback
    def async_settings_changed(self) -> None:
        """Take over a changed interval or logins without a reload."""
        self.logins.sync(self.config_entry)
        self.async_forget_orphans()
        if self._follow_pace():
            self._plan_next()
            self._schedule_refresh()
        recalled = self._recall()
        if self.logins.unread:
            self.config_entry.async_create_background_task(
                self.hass, self.async_refresh(), f"{self.name} first read of a login"
            )
        elif recalled:
            self._show_recalled()
        else:
            self._async_refresh_finished()
            self.async_update_listeners()

    @callback
    def async_forget_orphans(self) -> None:
        """Forget what only logins have seen that are removed, maybe in an earlier run."""
        self.memory.keep_only(login.credentials for login in self.logins)
        orphans = self.logins.orphans()
        if orphans.registers:
            self.data = self.logins.merged(self.gateway_id)
            left = {meter_id for meter_id, _ in self.logins.registers}
            devices.async_forget(
                self.hass,
                self.config_entry,
                orphans.registers,
                left | self.data.meters.keys(),
            )
        devices.async_forget_contracts(self.hass, self.config_entry, orphans.contracts)
        self.memory.async_save()

    @callback
    @override
    def async_update_listeners(self) -> None:
        """Tell the listeners; what is put together from all logins is so once for all."""
        self._put_together()
        super().async_update_listeners()

    def _put_together(self) -> None:
        self.contracts = self.logins.contracts
        self.delivered = self.logins.delivered
        self.patience = self.each + schedule.HOUR

    @callback
    def async_contracts_read(self) -> None:
        """Show what a session has read of contracts, behind its readings."""
        self.memory.async_save(rarely=self.vendor.per_hour is None)
        self._async_refresh_finished()
        self.async_update_listeners()

    @callback
    def async_update_issues(self) -> None:
        """Let the repair issues follow what was found, or said, between two readings."""
        self._async_refresh_finished()

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
        """Take a login up again that failed, though its account may be as it was."""
        self.logins.sync(self.config_entry)
        self.logins.renew(login_id)
        self.async_settings_changed()

    @callback
    def async_show_refusal(self) -> None:
        """Show at once that a login was refused outside of a reading."""
        self.config_entry.async_create_background_task(
            self.hass, self.async_refresh(), f"{self.name} refusal"
        )

    def _pace_now(self) -> Pace:
        return Pace.of(self.vendor, self.config_entry.options, live=self.logins.live)

    def _follow_pace(self) -> bool:
        """Take over what options and liveness say; tell if that changed anything."""
        before, self.pace = self.pace, self._pace_now()
        self.budget.allowance = self.pace.allowance
        return self.pace != before

    def _recall(self) -> bool:
        """Take over what accounts saw in an earlier run or in a flow; say if any did."""
        recalled = False
        for login in self.logins:
            seen = self.memory.seen(login.credentials)
            if seen and login.last_session is None and login.error is None:
                self.logins.saw(login, seen.snapshot, seen.at)
                self.driver.recall(login.credentials, seen.snapshot)
                recalled = True
        return recalled

    def _show_recalled(self) -> None:
        """Show what a flow has read: the gateway works."""
        if not self.last_update_success:
            LOGGER.info("Fetching %s data recovered", self.name)
        self._follow_pace()
        self._plan_next()
        snapshot = self.logins.merged(self.gateway_id)
        devices.async_show_firmware(self.hass, self.config_entry, snapshot.gateway)
        self.async_set_updated_data(snapshot)
        self._async_refresh_finished()

    @override
    async def async_config_entry_first_refresh(self) -> None:
        """Read for the first time; a refusal has its issues as well."""
        try:
            await super().async_config_entry_first_refresh()
        except ConfigEntryAuthFailed:
            # Only here the base class leaves before it has finished.
            self._async_refresh_finished()
            raise

    async def async_first_try(self) -> None:
        """Read for the first time where the entry has work to do without readings as well."""
        await self.async_refresh()
        if not self.last_update_success:
            LOGGER.warning(
                "%s cannot be read at present: %s", self.name, self.last_exception
            )
            self.data = self.logins.merged(self.gateway_id)

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
        now = dt_util.utcnow()
        slot = now >= self._due - _EARLY
        self._plan_next()
        asked, last = False, self.budget.last
        if hold := self.memory.current_hold:
            self._due = hold.until
        while not hold and (login := self._next_login(asked, slot)):
            asked = True
            await self._async_read(login)
        if error := self.logins.error:
            raise self._all_failed(error, asked, sent=self.budget.last is not last)
        if not asked and (trouble := self.memory.trouble):
            # Nobody was asked, so nobody has said that it is over.
            raise _update_failed(trouble)
        if self.logins.nothing_known:
            raise self._not_now()
        snapshot = self.logins.merged(self.gateway_id)
        devices.async_show_firmware(self.hass, self.config_entry, snapshot.gateway)
        return snapshot

    def _next_login(self, asked: bool, slot: bool) -> Login | None:
        """Return whom to read now, as far as the gateway bears it.

        In a slot one whose turn it is. Else accounts of which nothing is known, one
        after the other: nobody wants to wait for the first values.
        """
        login = self.logins.unread
        if login and not slot and self.budget.may(Kind.FIRST):
            return login
        if asked:
            return None
        # A fault often passes soon; a day would be long to wait.
        every = self.pace.floor if self.memory.trouble else self.pace.interval
        now = dt_util.utcnow()
        login = self.logins.due(now, every)
        if login is None or self.budget.may(Kind.POLL):
            return login
        if slot or schedule.is_due(now, login.last_session, every):
            self._plan_again()
        return None

    async def _async_read(self, login: Login) -> None:
        """Read one account; note a failure that is its own, raise any other."""
        before, begun = login.last_session, dt_util.utcnow()
        login.last_session, login.wanted = begun, False
        last, failed_before = self.budget.last, login.error is not None
        try:
            snapshot = await self.errands.async_read(login)
        except OWN_FAILURES as err:
            login.error = err
            self.memory.down_since = None
            if isinstance(err, SmgwLoginError):
                self.memory.refused(login.credentials, err)
            if self.logins.some_work:
                self.memory.all_is_well()
                if not failed_before:
                    failure = failures.for_poll(err)
                    LOGGER.warning("%s, login %s: %s", self.name, login.title, failure)
        except SmgwError as err:
            if failures.is_silence(err):
                self.memory.down_since = self.memory.down_since or begun
            else:
                self.memory.down_since = None
            sent = self.budget.last is not last
            if not sent:
                login.last_session = before
            raise self._trouble(err, sent=sent) from err
        else:
            self.logins.saw(login, snapshot, begun)
            self.memory.saw(login.credentials, snapshot, begun)
            if self._follow_pace():
                self._plan_next()
            if failed_before and len(self.logins) > 1:
                LOGGER.info("%s, login %s works again", self.name, login.title)
        finally:
            # Where no session is counted, a lost note of one does no harm.
            self.memory.async_save(rarely=self.vendor.per_hour is None)

    def _all_failed(
        self, err: SmgwError, asked: bool, *, sent: bool
    ) -> HomeAssistantError:
        """Return what to raise when no account works."""
        if asked and not isinstance(err, SmgwLoginError):
            return self._trouble(err, sent=sent)
        self.last_error = err
        return failures.for_poll(err)

    def _trouble(self, err: SmgwError, *, sent: bool) -> HomeAssistantError:
        """Return what to raise for a failure, having planned when to try again."""
        self.last_error = err
        LOGGER.debug("%s: %s (%s)", self.name, err.key, err.detail)
        floor = self.budget.allowance.floor
        count = self.memory.failures + 1
        pause = backoff.wait(count, floor, sent=sent, share=random())
        if pause is None:
            self._plan_again()
        else:
            self._due = dt_util.utcnow() + pause
        if hold := failures.hold_of(err):
            self.memory.hold = hold
            # A lock has an end; a time to come back is the earliest.
            locked = isinstance(err, PortalLocked)
            self._due = hold.until if locked else max(self._due, hold.until)
        self.memory.failed(err, sent=sent, until=self._due)
        return failures.for_poll(err)

    def _not_now(self) -> UpdateFailed:
        """Return what to raise if nothing is known, and nothing may be asked."""
        if hold := self.memory.current_hold:
            return _update_failed(hold)
        free = self.budget.not_before(Kind.FIRST)
        return UpdateFailed(
            translation_domain=DOMAIN,
            translation_key="sessions_used_up",
            translation_placeholders={"time": local_time(free, dt_util.utcnow())},
        )

    def _plan_next(self) -> None:
        """Wake up next a little behind the next slot."""
        self._due = self._slot_after(dt_util.utcnow())

    def _slot_after(self, moment: datetime) -> datetime:
        return self.pace.next_slot(
            dt_util.as_local(moment), self.gateway_id, len(self.logins)
        )

    def _plan_again(self) -> None:
        """Wake up when a session may be opened, for a reading that had to wait."""
        now, free = dt_util.utcnow(), self.budget.not_before(Kind.POLL)
        if free - now <= schedule.tolerance(self.budget.allowance.floor):
            self._due = free
        else:
            self._due = self.pace.next_slot(dt_util.as_local(free), self.gateway_id)

    @callback
    @override
    def _schedule_refresh(self) -> None:
        """Wake up when it was planned: the helper by itself rounds to seconds.

        Four readings an hour lie at the edge of what may be in any 60 minutes.
        """
        wait = (self._due - dt_util.utcnow()).total_seconds()
        rounding = self.hass.loop.time() % 1 - self._microsecond
        # Not nothing: that would mean never.
        self.update_interval = timedelta(seconds=max(wait, 0.01) + rounding)
        super()._schedule_refresh()


def _update_failed(reason: Hold | Trouble) -> UpdateFailed:
    """Return what a poll raises for a reason known from before."""
    return UpdateFailed(
        translation_domain=DOMAIN,
        translation_key=reason.key,
        translation_placeholders=dict(reason.placeholders),
    )
