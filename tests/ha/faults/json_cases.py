"""What gateways with a JSON interface, whoever made them, can do to their owner."""

from dataclasses import replace
from datetime import timedelta

from .cases import (
    ADDRESS,
    CERTIFICATE,
    LAST,
    LOGIN,
    NOTHING,
    TRUE,
    UNAVAILABLE,
    UNKNOWN,
    Case,
    fails,
    fine,
    shows,
    silent_login,
)

_HOUR = timedelta(hours=1)
_NEXT_METER = "1ESY0060178982 1-0:1.8.0"
_THIS_METER = "1ESY0060178981 1-0:1.8.0"


_LOGIN = (
    replace(
        fails("refuse_403", "wrong_password"),
        changed_password=True,
        since=LOGIN,
        refused=True,
        wrong_logins=1,
    ),
    fine("refuse_403"),
    *(
        replace(silent_login(fault), changed_password=True, since=LOGIN, wrong_logins=2)
        for fault in ("refuse_by_drop", "refuse_by_empty_body", "refuse_by_hang")
    ),
    fine("refuse_by_drop"),
    fine("refuse_by_empty_body"),
    fine("refuse_by_hang"),
    fine("lockout", after=1),
    fine("digest_sha256"),
    replace(fine("digest_sha256_lie"), wrong_logins=1),
    replace(fine("digest_sha256_lie"), also=("refuse_by_drop",), wrong_logins=1),
    # each request is a login of its own
    replace(fine("nonce_once"), sessions=6),
)

_OTHERS = (
    # Connections.
    fine("close_each"),
    fine("gzip"),
    fine("idle_close"),
    fine("overlap_drops"),
    fine("single_connection"),
    fine("overwhelmed"),
    # Values as other firmware delivers them.
    fine("meter_status"),
    fine("ptb_warning"),
    fine("scaler"),
    fine("signatures"),
    replace(
        fine("meter_exchange"),
        at_first={_THIS_METER: NOTHING, _NEXT_METER: TRUE},
        shows={_THIS_METER: UNAVAILABLE, _NEXT_METER: TRUE},
        lasting=True,
    ),
    # A clock that is an hour ahead: what it stamps is believed; what it stamps after it
    # was set right is not, until it is newer again.
    replace(
        fine("clock_skew", seconds=3600),
        at_first=-_HOUR,
        shows=-_HOUR,
        first_issues=frozenset({"clock_off"}),
        issues=frozenset({"clock_off"}),
        healing=_HOUR + timedelta(minutes=15),
    ),
    shows("stale_values", TRUE, later=LAST, at_first=TRUE, in_time="readings_stale"),
    replace(
        shows("clock_stands", TRUE, later=LAST, at_first=TRUE),
        more_issues=frozenset({"clock_stands"}),
    ),
    shows("clock_skew", UNKNOWN, seconds=86400, issue="clock_off"),
    shows(
        "clock_skew",
        UNKNOWN,
        at_first=_HOUR,
        seconds=-3600,
        issue="clock_off",
    ),
    shows("dst_day", UNKNOWN, at_first=timedelta(days=235, hours=1), issue="clock_off"),
    shows(
        "dst_day", UNKNOWN, at_first=timedelta(days=25), slots=100, issue="clock_off"
    ),
)


def shared(values: str) -> tuple[Case, ...]:
    """Return the cases; `values` is the action that delivers the meters' values."""
    return (*_connections(values), *_answers(values), *_LOGIN, *_OTHERS)


def _connections(values: str) -> tuple[Case, ...]:
    """Return how they fail to say anything whole."""
    return (
        fails("tls_close", "tls_failed", at=ADDRESS),
        fails("hang_tcp", "tls_failed", at=ADDRESS),
        fails("refuse_renegotiation_info", "renegotiation_refused", at=ADDRESS),
        fails("refuse_tls", "tls_failed", at=ADDRESS),
        fine("refuse_server_name"),
        fails("drop_before_answer", "connection_cut", at=CERTIFICATE),
        fails("drop_before_answer", "connection_cut", action=values),
        silent_login("drop_mid_answer"),
        fails("drop_mid_answer", "connection_cut", action=values),
        fails("slow", "answer_timeout", at=CERTIFICATE),
        fails("slow", "answer_timeout", action=values),
        fails("trickle", "answer_timeout", at=CERTIFICATE),
        # Another certificate than the confirmed one: not a word.
        *(
            replace(
                fails(fault, "certificate_changed", at=CERTIFICATE),
                since=CERTIFICATE,
                issues=frozenset({"certificate_changed"}),
                silent=True,
            )
            for fault in ("certificate_swapped", "certificate_expired")
        ),
    )


def _answers(values: str) -> tuple[Case, ...]:
    """Return how they say something that cannot be read."""
    return (
        fails("nat_host", "host_refused", at=CERTIFICATE),
        fails("other_web_server", "not_a_gateway", at=CERTIFICATE),
        fails("redirect", "not_a_gateway", at=CERTIFICATE),
        fails("redirect", "not_a_gateway", action=values),
        fails("garbage", "not_a_gateway", at=CERTIFICATE),
        fails("garbage", "not_a_gateway", action=values),
        fails("garbage_body", "not_a_gateway", at=CERTIFICATE),
        fails("garbage_body", "page_unreadable", action=values),
        fails("empty_body", "page_unreadable", action=values),
        fails("big_page", "page_too_large", at=CERTIFICATE),
        fails("big_page", "page_too_large", action=values),
        fails("truncated", "page_unreadable"),
        fails("truncated", "page_unreadable", action=values),
        replace(
            fails("busy", "gateway_busy", at=CERTIFICATE, seconds=900),
            told={"minutes": "15"},
        ),
        fails("server_error", "gateway_fault", at=CERTIFICATE),
        fails("server_error", "gateway_fault", action=values, status=503),
    )
