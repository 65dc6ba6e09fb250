"""Every fault of the simulated gateways, sorted by what must hold while it is on."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from random import Random
from typing import Any

from simulator.faults import FaultInfo


class Effect(Enum):
    """What a fault may do to the values that are shown."""

    NONE = "all values go on as if nothing were"
    OUTAGE = "values may be missing, and are back by themselves once it is over"
    OWNER = "a login may be refused; it works again once the owner enters it anew"


# What the owner does not notice. A fault that stands nowhere is an outage.
UNNOTICED = frozenset(
    {
        # login, sessions, connections
        *("charset_accepted", "close_each", "cookie_every_page"),
        *("get_first_only", "idle_close", "lenient_digest", "lockout"),
        *("mdns_off", "mid_reuse", "mid_reuse_refused", "new_nonce_each_time"),
        *("no_logout_page", "nonce_once", "old_nonce_blank", "overlap_drops"),
        *("overwhelmed", "redirect_302", "redirect_absolute", "refuse_200"),
        *("refuse_403", "refuse_by_drop", "refuse_by_empty_body"),
        *("refuse_by_hang", "refuse_server_name", "self_test_outage"),
        *("self_test_running", "selftest_outage", "session_expired_once"),
        *("single_connection", "slow", "token_enforced", "user_id_gateway"),
        *("v1_sessionid",),
        # contracts, history, exports, the log
        *("any_window", "billing_periods_key", "cms_broken", "cms_other_prefix"),
        *("current_refused", "daily_periods", "end_time_far"),
        *("export_error_status", "filtered_last_empty", "gap_rows_left_out"),
        *("gap_rows_zero", "incomplete", "interface_120", "joined_directions"),
        *("live_refused", "long_log", "month_404", "months_kept"),
        *("no_recent_history", "periods_late", "range_limit_1000", "small_pages"),
        *("state_ready", "window_by_capture"),
        # how pages are written
        *("capture_early", "cell_empty", "cell_missing", "double_entities"),
        *("double_quotes", "gzip", "hostile_entities", "live_values"),
        *("obis_suffix", "only_totals", "ptb_warning", "raw_umlauts"),
        *("signatures", "smgw_time_local", "status_14", "typo_obis_id"),
        *("unquoted_attributes", "words_validity"),
    }
)
# A new firmware: another algorithm than the one that has worked. It stays.
FIRMWARE = frozenset({"digest_sha256", "digest_sha256_lie"})
# Silence upon a login, twice in a row, is how some gateways refuse a password.
SILENCE = frozenset({"drop_before_answer", "drop_mid_answer", "empty_body"})
OWNER = FIRMWARE | SILENCE | {"portal_error"}
LEFT_OUT = {
    # locks the portal by definition
    "locked",
    # for good, not for a time; the soak exchanges a meter by itself
    "meter_exchange",
}

# The gateway opens a session, but its answer, which would name it, never arrives.
# Nobody can log out from it; the gateway ends it after some idle minutes.
LOSES_SESSION = {
    "drop_before_answer",
    "garbage",
    "garbage_body",
    "other_web_server",
    "redirect",
    "server_error",
}
# Where the session's id stands in the page, what breaks the page loses it as well.
LOSES_PAGE = LOSES_SESSION | {
    "big_page",
    "drop_mid_answer",
    "empty_body",
    "trickle",
    "truncated",
}
# The client waits until its time is out.
HANGS = {"hang_tcp", "trickle"}

_PARAMETERS: Mapping[str, Callable[[Random], Mapping[str, Any]]] = {
    "big_page": lambda _: {"mb": 3},
    "clock_skew": lambda rng: {"seconds": rng.choice((-7200, -600, 600, 3600))},
    "dst_day": lambda rng: {"slots": rng.choice((92, 100))},
    # longer than the patience of the client
    "hang_tcp": lambda _: {"seconds": 1},
    "scaler": lambda rng: {"value": rng.choice((-4, -3, -2, 0))},
    "server_error": lambda rng: {"status": rng.choice((400, 404, 500, 503))},
    # sessions end between two requests
    "session_expired_once": lambda _: {"times": 1},
    "session_expires": lambda _: {"after_s": 0.005},
    "slow": lambda _: {"seconds": 0.01},
    "stale_values": lambda rng: {"age_hours": rng.choice((0, 0.5, 3))},
    "worn_out": lambda _: {"logins": 1},
}


def effects(known: Iterable[str]) -> dict[str, Effect]:
    """Return what each fault of a gateway may do; without those that are left out."""
    sorted_out = dict.fromkeys(UNNOTICED, Effect.NONE) | dict.fromkeys(
        OWNER, Effect.OWNER
    )
    return {
        name: sorted_out.get(name, Effect.OUTAGE)
        for name in known
        if name not in LEFT_OUT
    }


def parameters(name: str, info: FaultInfo, rng: Random) -> dict[str, Any]:
    """Return how a fault is switched on: parameters of its own, and for how often."""
    chosen = dict(_PARAMETERS.get(name, lambda _: {})(rng))
    if name in HANGS:
        chosen["times"] = 1
    elif info.countable and "times" not in chosen and rng.random() < 0.5:
        # so that it hits any part of a session
        chosen["times"] = rng.randint(1, 9)
    return chosen
