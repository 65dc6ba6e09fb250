"""What a Theben can do to its owner."""

from dataclasses import replace
from datetime import timedelta

from .cases import (
    ADDRESS,
    ELSE,
    HOUSE_IMPORT,
    LAST,
    LOGIN,
    NOTHING,
    SLOT,
    TRUE,
    UNKNOWN,
    fails,
    fine,
    shows,
    silent_login,
)
from .json_cases import shared

# What is read live is no reading of a slot.
_LIVE_ONLY = {ELSE: UNKNOWN, HOUSE_IMPORT: TRUE}
_GAP = {ELSE: timedelta(hours=2), HOUSE_IMPORT: TRUE}
_LIVE_AT_FIRST = {ELSE: NOTHING, HOUSE_IMPORT: TRUE}

CASES = (
    *shared("readings"),
    fails("han_off", "tls_failed", at=ADDRESS),
    # a redirect has no body: the login is accepted
    replace(
        silent_login("empty_body"),
        stops=(LOGIN, "page_unreadable"),
        at_start="page_unreadable",
    ),
    # Accounts and contracts.
    fails("no_meters", "no_meter", issue="no_meter"),
    fails("no_contracts", "no_meter", issue="no_meter"),
    fails("contracts_expired", "contracts_ended", issue="contracts_ended"),
    # Contracts are asked for once a day; values that stand still tell it sooner.
    replace(
        shows(
            "contracts_expired",
            TRUE,
            later={ELSE: LAST, HOUSE_IMPORT: TRUE},
            days=0,
        ),
        stops=(LOGIN, "contracts_ended"),
        at_start="contracts_ended",
    ),
    fine("billing_periods_key"),
    fine("daily_periods"),
    fine("end_time_far"),
    fine("joined_directions"),
    fine("state_ready"),
    # Firmware.
    replace(
        fine("old_xml_api"), stops=(LOGIN, "old_interface"), at_start="old_interface"
    ),
    fine("any_window"),
    fine("charset_accepted"),
    fine("filtered_last_empty"),
    fine("interface_120"),
    fine("long_log"),
    fine("obis_suffix"),
    fine("redirect_302"),
    fine("redirect_absolute"),
    fine("self_test_outage"),
    fine("self_test_running"),
    fine("smgw_time_local"),
    fine("user_id_gateway"),
    fine("window_by_capture"),
    replace(fine("capture_early"), captured=timedelta(seconds=-40)),
    replace(
        shows("live_refused", {HOUSE_IMPORT: SLOT}, at_first={HOUSE_IMPORT: SLOT}),
        # contracts are asked for once a day
        healing=timedelta(days=1),
    ),
    # Values that are missing, old, or must not be used.
    shows("no_values", _LIVE_ONLY, at_first=_LIVE_AT_FIRST),
    shows("not_valid", _LIVE_ONLY, at_first=_LIVE_AT_FIRST),
    shows("incomplete", UNKNOWN, readings=0, in_time="no_register"),
    shows("clock_invalid", UNKNOWN, in_time="no_register"),
    shows("fatal_status", UNKNOWN, in_time="no_register"),
    replace(shows("unit", TRUE), healing=timedelta(minutes=75)),
    shows("gap", _LIVE_ONLY, later=TRUE, at_first=_GAP),
)
