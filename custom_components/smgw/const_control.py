"""Names of what the control side shows: events, their data, unique ids."""

from typing import Final

from homeassistant.const import Platform

from .control.model import Direction

EVENT_COMMAND: Final = "smgw_command"
SIGNAL_CONTROL: Final = "smgw_control_{}"
"""Sent when participants, CLS switches or options of an entry, by its id, may have changed."""

ATTR_COMMAND: Final = "command"
ATTR_CONFIG_ENTRY: Final = "config_entry_id"
ATTR_DIRECTION: Final = "direction"
ATTR_ITEM: Final = "item"
ATTR_KIND: Final = "kind"
ATTR_PARTICIPANT: Final = "participant"
ATTR_PARTICIPANT_ID: Final = "participant_id"
ATTR_REASON: Final = "reason"
ATTR_SET_BY: Final = "set_by"
ATTR_SLOTS: Final = "slots"
ATTR_START: Final = "start"
ATTR_TRANSACTION_ID: Final = "transaction_id"
ATTR_TYPE: Final = "type"
ATTR_UNTIL: Final = "until"
ATTR_VALUE: Final = "value"
ATTR_WATTS: Final = "watts"

PRICE_KEY: Final = "price"
ORDERS_KEY: Final = "orders"
SWITCH_KEY: Final = "switch"


def device_identifier(gateway_id: str, subentry_id: str) -> str:
    """Return the device identifier of a participant or a CLS switch."""
    return f"{gateway_id}_{subentry_id}"


def limit_key(direction: Direction) -> str:
    """Return the key of the sensor that shows a limit."""
    return f"{direction}_limit"


def limited_key(direction: Direction) -> str:
    """Return the key of the sensor that says whether there is one."""
    return f"{direction}_limited"


def limit_keys(direction: Direction) -> list[tuple[Platform, str]]:
    """Return the entities of the gateway that are there while somebody may limit a direction."""
    key = limit_key(direction)
    return [
        (Platform.SENSOR, key),
        (Platform.SENSOR, f"{key}_until"),
        (Platform.SENSOR, f"{key}_state"),
        (Platform.BINARY_SENSOR, limited_key(direction)),
    ]
