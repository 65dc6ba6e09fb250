"""Names the rooms of the integration share."""

from datetime import timedelta
import logging
from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "smgw"
LOGGER = logging.getLogger(__package__)
PLATFORMS: Final = [Platform.BUTTON, Platform.EVENT, Platform.SENSOR]

# Entry data, besides host and port.
CONF_VENDOR: Final = "vendor"
CONF_CERTIFICATE: Final = "certificate"

# A login's data, besides user name and password.
CONF_CLIENT_CERTIFICATE: Final = "client_certificate"
"""PEM, with those that vouch for it."""
CONF_CLIENT_KEY: Final = "client_key"
"""PEM."""

# Fields of forms.
CONF_FILE: Final = "file"

# Options.
CONF_INTERVAL: Final = "interval"
"""Minutes between two readings."""
CONF_SESSIONS: Final = "sessions"
"""Sessions an hour that the gateway gets."""
MOST_SESSIONS: Final = 12
CONF_LOG_READING: Final = "log_reading"
"""How often the consumer log is read."""
CONF_ROOTS: Final = "signer_roots"
"""Certificates (PEM) that the owner trusts for the signatures of exports."""
CONF_PRICED: Final = "priced"
"""Prices and conversion factors, by statistic id; see `cost_settings`."""

SUBENTRY_LOGIN: Final = "login"
CONF_LOGIN: Final = "login"
"""Which login a form means."""

LOGIN_CERTIFICATE: Final = "login_certificate"
"""Key of the sensors that tell until when a login's certificate is valid."""
SIGNAL_LOGINS: Final = "smgw_logins_{}"
"""Sent when the logins of an entry, by its id, may have changed."""

DEFAULT_INTERVAL: Final = timedelta(minutes=15)
LONGEST_INTERVAL: Final = timedelta(days=1)


def meter_identifier(gateway_id: str, meter_id: str) -> str:
    """Return the device identifier of a meter."""
    return f"{gateway_id}_{meter_id}"
