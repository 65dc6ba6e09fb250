"""What a PPC gateway can do to its owner."""

from dataclasses import replace
from datetime import timedelta

from .cases import ADDRESS, CERTIFICATE, LAST, LOGIN, TRUE, UNKNOWN, fails, fine, shows

_VALUES = "showMeterProfile"

CASES = (
    # No connection, or none that is whole.
    fails("tls_close", "tls_failed", at=ADDRESS),
    fails("hang_tcp", "tls_failed", at=ADDRESS),
    fails("refuse_renegotiation_info", "renegotiation_refused", at=ADDRESS),
    fails("refuse_tls", "tls_failed", at=ADDRESS),
    fails("worn_out", "tls_failed", at=ADDRESS, logins=0),
    fails("drop_before_answer", "connection_cut", at=CERTIFICATE),
    fails("drop_before_answer", "connection_cut", action=_VALUES),
    fails("drop_mid_answer", "connection_cut", at=CERTIFICATE),
    fails("drop_mid_answer", "connection_cut", action=_VALUES),
    fails("slow", "answer_timeout", at=CERTIFICATE),
    fails("slow", "answer_timeout", action=_VALUES),
    fails("trickle", "answer_timeout", at=CERTIFICATE),
    # Something else than a page of the gateway that can be read.
    fails("other_web_server", "not_a_gateway", at=CERTIFICATE),
    fails("redirect", "not_a_gateway", at=CERTIFICATE),
    fails("redirect", "not_a_gateway", action=_VALUES),
    fails("garbage", "not_a_gateway", at=CERTIFICATE),
    fails("garbage_body", "not_a_gateway", at=CERTIFICATE),
    fails("garbage_body", "not_a_gateway", action=_VALUES),
    fails("empty_body", "not_a_gateway"),
    fails("big_page", "page_too_large", at=CERTIFICATE),
    fails("big_page", "page_too_large", action=_VALUES),
    fails("truncated", "page_unreadable"),
    fails("truncated", "page_unreadable", action=_VALUES),
    fails("server_error", "gateway_fault", at=CERTIFICATE),
    fails("server_error", "gateway_fault", action=_VALUES, status=503),
    replace(fails("busy", "gateway_busy", at=CERTIFICATE), told={"minutes": "2"}),
    # Login, sessions, rights.
    replace(
        fails("refuse_200", "login_refused", issue="account_refused"),
        changed_password=True,
        since=LOGIN,
        refused=True,
        wrong_logins=1,
    ),
    replace(
        fails("portal_error", "login_refused", issue="account_refused"), refused=True
    ),
    replace(
        fails("locked", "portal_locked", issue="gateway_locked", seconds=1500),
        told={"remaining": "25:00"}
    ),
    fine("lockout", after=1),
    fails("session_in_use", "session_in_use"),
    fails("forbidden", "session_expired"),
    fine("session_expired_once"),
    fine("session_expires"),
    fine("no_logout_page"),
    fine("cookie_every_page"),
    fine("get_first_only"),
    fine("token_enforced"),
    fine("v1_sessionid"),
    fine("refuse_server_name"),
    fine("lenient_digest"),
    fine("new_nonce_each_time"),
    fine("old_nonce_blank"),
    # Pages as other firmware writes them.
    fine("cell_empty"),
    fine("cell_missing"),
    fine("double_entities"),
    fine("double_quotes"),
    fine("gzip"),
    fine("hostile_entities"),
    fine("mid_reuse"),
    fine("mid_reuse_refused"),
    fine("raw_umlauts"),
    fine("typo_obis_id"),
    fine("unquoted_attributes"),
    fine("words_validity"),
    # Values that are missing, old, or must not be used.
    fails("no_meters", "no_meter", issue="no_meter"),
    shows("no_values", UNKNOWN, in_time="no_register"),
    shows("no_metervalue_table", UNKNOWN, in_time="no_register"),
    shows("not_valid", UNKNOWN, in_time="no_register"),
    shows("gaps", UNKNOWN, in_time="no_register"),
    replace(shows("gaps", UNKNOWN, in_time="no_register"), also=("gap_rows_zero",)),
    replace(shows("gaps", UNKNOWN, in_time="no_register"), also=("gap_rows_left_out",)),
    shows("han_hang", TRUE, later=LAST, at_first=TRUE, in_time="port_hangs"),
    shows("han_hang", UNKNOWN, at_first=timedelta(hours=30), in_time="no_register", age_hours=30),
    shows("contract_expired", UNKNOWN, at_first=timedelta(days=3), issue="contracts_ended"),
    shows("contract_expired", TRUE, later=LAST, at_first=TRUE, in_time="contracts_ended", days=0),
    # What readings of the newest values do not touch.
    fine("cms_broken"),
    fine("cms_other_prefix"),
    fine("export_error_status"),
    fine("gap_rows_left_out"),
    fine("gap_rows_zero"),
    fine("no_contracts"),
    fine("no_recent_history"),
    fine("range_limit_1000"),
    fine("selftest_outage"),
    fine("small_pages"),
)  # fmt: skip
