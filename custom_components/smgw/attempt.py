"""One attempt to log in and read the meters, as flows make it before they save."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .const import SUBENTRY_LOGIN
from .han.driver import VENDORS, Driver
from .han.errors import SmgwError
from .han.model import Credentials
from .memory import async_memory
from .models import GatewayConfig


async def async_driver(hass: HomeAssistant, config: GatewayConfig) -> Driver:
    """Return a driver that shares what is known of the gateway."""
    memory = await async_memory(hass, config.gateway_id)
    return VENDORS[config.vendor].driver(
        config.transport(), memory.learned, dt_util.utcnow
    )


async def async_try_login(
    hass: HomeAssistant, config: GatewayConfig, account: Mapping[str, Any]
) -> SmgwError | None:
    """Log in and read the meters once. Return what went wrong."""
    driver = await async_driver(hass, config)
    try:
        await driver.read_latest(
            Credentials(user=account[CONF_USERNAME], password=account[CONF_PASSWORD])
        )
    except SmgwError as err:
        return err
    # Whatever held the polls back is over.
    (await async_memory(hass, config.gateway_id)).hold = None
    return None


def login_subentry(account: Mapping[str, Any]) -> ConfigSubentryData:
    """Return a login as the entry keeps it."""
    user = account[CONF_USERNAME]
    return ConfigSubentryData(
        data={CONF_USERNAME: user, CONF_PASSWORD: account[CONF_PASSWORD]},
        subentry_type=SUBENTRY_LOGIN,
        title=user,
        unique_id=f"{SUBENTRY_LOGIN}_{user}",
    )
