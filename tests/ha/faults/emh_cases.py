"""What an EMH can do to its owner."""

from datetime import timedelta

from .cases import (
    ELSE,
    HOUSE_HIGH,
    HOUSE_LOW,
    NOTHING,
    NOW,
    TRUE,
    UNKNOWN,
    Case,
    fails,
    fine,
    shows,
    silent_login,
)
from .json_cases import shared

_POWERS = ("1ESY0060178981 1-0:16.7.0", "1EMH0012345678 1-0:16.7.0")
_NO_TARIFFS = {HOUSE_HIGH: UNKNOWN, HOUSE_LOW: UNKNOWN}
_NEVER_TARIFFS = {HOUSE_HIGH: NOTHING, HOUSE_LOW: NOTHING}

CASES = (
    *shared("extended"),
    silent_login("empty_body"),
    fails("no_meters", "no_meter", issue="no_meter"),
    # What readings of the newest values do not touch.
    fine("contracts_expired"),
    fine("current_refused"),
    fine("mdns_off"),
    fine("month_404"),
    fine("months_kept"),
    fine("no_contracts"),
    fine("periods_late"),
    fine("status_14"),
    # Values that are missing, old, or must not be used.
    shows("only_totals", _NO_TARIFFS, at_first=_NEVER_TARIFFS),
    Case(
        fault="live_values",
        at_first={ELSE: NOW, **dict.fromkeys(_POWERS, NOW)},
        shows={ELSE: NOW, **dict.fromkeys(_POWERS, NOW)},
        afterwards={ELSE: TRUE, **dict.fromkeys(_POWERS, UNKNOWN)},
    ),
    shows("no_values", UNKNOWN, in_time="no_register"),
    shows("not_valid", UNKNOWN, in_time="no_register"),
    shows("clock_invalid", UNKNOWN, in_time="no_register"),
    shows("fatal_status", UNKNOWN, in_time="no_register"),
    shows("unit", UNKNOWN, in_time="no_register"),
    shows("gap", UNKNOWN, later=TRUE, at_first=timedelta(hours=2)),
)
