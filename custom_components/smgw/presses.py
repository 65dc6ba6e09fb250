"""What the owner asks of a gateway by a button, and why it may have to wait."""

from dataclasses import replace
from datetime import datetime, timedelta

from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util

from . import failures
from .budget import Kind
from .const import DOMAIN
from .coordinator import SmgwCoordinator
from .han.driver import SelfTesting
from .han.errors import SmgwError, SmgwLoginError
from .logins import Login
from .memory import Hold
from .symptoms import local_time

SELF_TEST = "self_testing"

# A gateway that restarts is away for minutes (observed).
_RESTART = timedelta(minutes=5)


async def async_read_now(coordinator: SmgwCoordinator) -> None:
    """Read the login that has waited longest, and the others in the slots that follow.

    It keeps to what the gateway bears, but not to a pause after a failure. Raises
    `ServiceValidationError` if it has to wait, `HomeAssistantError` if it fails.
    """
    memory, logins = coordinator.memory, coordinator.logins
    _raise_if_left_alone(coordinator)
    _some_login(coordinator)
    free = coordinator.budget.not_before(Kind.POLL)
    if free > dt_util.utcnow():
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="read_too_soon",
            translation_placeholders={"time": _time(free)},
        )
    if memory.trouble:
        # Our own pause, not the gateway's.
        memory.trouble = replace(memory.trouble, until=dt_util.utcnow())
    before = {login.subentry_id: login.last_session for login in logins}
    logins.want_all()
    await coordinator.async_refresh()
    if not coordinator.last_update_success and coordinator.last_error:
        raise failures.for_owner(coordinator.last_error)
    asked = [
        login for login in logins if login.last_session != before[login.subentry_id]
    ]
    if asked and not any(login.works for login in asked) and asked[0].error:
        raise failures.for_owner(asked[0].error)


async def async_self_test(coordinator: SmgwCoordinator) -> None:
    """Have the gateway test itself; polls wait until it should be back.

    The owner knows why, so the budget does not refuse it; but it counts. Raises as
    above.
    """
    driver, memory = coordinator.driver, coordinator.memory
    assert isinstance(driver, SelfTesting)
    _raise_if_left_alone(coordinator)
    login = _some_login(coordinator)
    try:
        await driver.self_test(login.credentials)
    except SmgwError as err:
        memory.hold = failures.hold_of(err) or memory.hold
        if isinstance(err, SmgwLoginError):
            login.error = err
            memory.refused(login.credentials, err)
            coordinator.async_show_refusal()
        raise failures.for_owner(err) from err
    else:
        memory.hold = _restarting()
    finally:
        memory.async_save()


async def async_cancel_history(coordinator: SmgwCoordinator) -> None:
    """Import no more of the past; nothing is sent for it."""
    if history := coordinator.config_entry.runtime_data.history:
        history.importer.async_cancel()


def _restarting() -> Hold:
    until = dt_util.utcnow() + _RESTART
    return Hold(until=until, key=SELF_TEST, placeholders={"time": _time(until)})


def _raise_if_left_alone(coordinator: SmgwCoordinator) -> None:
    """Raise while the gateway itself wants to be left alone."""
    hold = coordinator.memory.hold
    if lock := failures.lock_of(hold):
        raise failures.for_owner(lock)
    if hold is None or hold.until <= dt_util.utcnow():
        return
    raise ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=SELF_TEST if hold.key == SELF_TEST else "left_alone",
        translation_placeholders={"time": _time(hold.until)},
    )


def _some_login(coordinator: SmgwCoordinator) -> Login:
    """Return a login to use: one that works, else one that may be tried."""
    logins = [login for login in coordinator.logins if not login.refused]
    if logins:
        return max(logins, key=lambda login: login.works)
    if error := coordinator.logins.error:
        raise failures.for_owner(error)
    raise ServiceValidationError(
        translation_domain=DOMAIN, translation_key="no_login_to_use"
    )


def _time(moment: datetime) -> str:
    """Return a time as the owner reads it, not before it has come."""
    whole = moment + timedelta(seconds=59)
    return local_time(whole, dt_util.utcnow())
