"""Names the rooms of the integration share."""

from datetime import timedelta
import logging
from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "smgw"
LOGGER = logging.getLogger(__package__)
PLATFORMS: Final = [Platform.SENSOR]

# Entry data, besides host and port.
CONF_VENDOR: Final = "vendor"
CONF_CERTIFICATE: Final = "certificate"

# Options.
CONF_INTERVAL: Final = "interval"
"""Minutes between two readings."""

SUBENTRY_LOGIN: Final = "login"
CONF_LOGIN: Final = "login"
"""Which login a form means."""

DEFAULT_INTERVAL: Final = timedelta(minutes=15)
LONGEST_INTERVAL: Final = timedelta(days=1)


def meter_identifier(gateway_id: str, meter_id: str) -> str:
    """Return the device identifier of a meter."""
    return f"{gateway_id}_{meter_id}"
