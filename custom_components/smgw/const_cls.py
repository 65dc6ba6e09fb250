"""Names of what is stored for the CLS interface: fields of subentries and options."""

from typing import Final

SUBENTRY_PARTICIPANT: Final = "participant"
SUBENTRY_SWITCH: Final = "switch"

# A participant: who it is.
CONF_ROLE: Final = "role"
CONF_SILENCE: Final = "silence"
"""Seconds; 0: its silence is not watched."""
CONF_VALID_FROM: Final = "valid_from"
CONF_VALID_UNTIL: Final = "valid_until"

# How it is reached.
CONF_TUNNEL: Final = "tunnel"
CONF_EMT_HOST: Final = "emt_host"
CONF_EMT_PORT: Final = "emt_port"
CONF_BIND_HOST: Final = "bind_host"
CONF_BIND_PORT: Final = "bind_port"
CONF_PEERS: Final = "peers"
"""Fingerprints of the other side: small hex digits."""
CONF_CURVE: Final = "curve"
CONF_IDENTITIES: Final = "identities"
"""Keys and certificates of ours: the one in use first, then the one to come."""
CONF_KEY: Final = "key"
"""PEM; never leaves the store."""
CONF_INNER: Final = "inner"
CONF_FORWARD_HOST: Final = "forward_host"
CONF_FORWARD_PORT: Final = "forward_port"

# What it may do.
CONF_THINGS: Final = "things"
CONF_ITEMS: Final = "items"
CONF_LIMITS: Final = "limits"
CONF_PRICES: Final = "prices"
CONF_THING: Final = "thing"
CONF_ITEM: Final = "item"
CONF_ACCESS: Final = "access"
CONF_LOW: Final = "low"
CONF_HIGH: Final = "high"
CONF_OPEN_ENDED: Final = "open_ended"
CONF_LONGEST: Final = "longest"
"""Minutes."""
CONF_FAILSAFE: Final = "failsafe"
CONF_FAILSAFE_HOURS: Final = "failsafe_hours"
CONF_AFTER_FAILSAFE: Final = "after_failsafe"

# A CLS switch.
CONF_DRIVES: Final = "drives"
CONF_PARTICIPANTS: Final = "participants"
CONF_REST: Final = "rest"

# The home: options of the entry.
CONF_LAB: Final = "lab"
CONF_SOURCES: Final = "power_sources"
CONF_NOMINAL: Final = "nominal"
CONF_MINIMUM: Final = "minimum"
CONF_EXECUTORS: Final = "executors"
CONF_EFFECT: Final = "effect_minutes"
CONF_RESTORE: Final = "restore_seconds"
CONF_SOURCE: Final = "source"
CONF_INVERTED: Final = "inverted"
CONF_EXECUTOR_MODE: Final = "mode"
CONF_STEP: Final = "step"
CONF_WATTS_PER_UNIT: Final = "watts_per_unit"
CONF_RELIEVED: Final = "relieved"
