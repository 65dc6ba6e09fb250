"""The fault and variant table of the simulated PPC gateway."""

from collections.abc import Mapping

from simulator.faults import COMMON_FAULTS, FaultInfo

PPC_FAULTS: Mapping[str, FaultInfo] = {
    **COMMON_FAULTS,
    # firmware variants
    "v1_sessionid": FaultInfo(
        "Old generation: no cookie, a hidden sessionid that every POST must carry."
    ),
    "token_enforced": FaultInfo(
        "A POST inside a session must carry the tkn of the last page."
    ),
    "typo_obis_id": FaultInfo("The OBIS cell is called table_metervaleus_col_obis."),
    "double_quotes": FaultInfo("Attributes stand in double quotes."),
    "unquoted_attributes": FaultInfo("Simple attribute values stand without quotes."),
    "raw_umlauts": FaultInfo("Umlauts are raw UTF-8, not entities."),
    "double_entities": FaultInfo("Umlauts are escaped twice (&amp;auml;)."),
    "cell_missing": FaultInfo(
        "Follow-up rows of a reading lack the time and validity cells."
    ),
    "cell_empty": FaultInfo(
        "Follow-up rows of a reading have empty time and validity cells."
    ),
    "words_validity": FaultInfo(
        "Validity is a word (valid, invalid, nonexistent), not a number."
    ),
    "mid_reuse": FaultInfo("Old firmware: the list's mid also serves value queries."),
    "mid_reuse_refused": FaultInfo(
        "Each mid, tid and ttid serves one request; the second is a Parameterfehler."
    ),
    "lenient_digest": FaultInfo("Quoted qop, nc and algorithm are accepted."),
    "get_first_only": FaultInfo(
        "A POST as first request gets an odd page and no session; only GET logs in."
    ),
    "cookie_every_page": FaultInfo(
        "The cookie is sent again with every page of the session."
    ),
    "small_pages": FaultInfo("Value tables are cut into small pages.", {"rows": 50}),
    "range_limit_1000": FaultInfo(
        "Value tables and exports of more records are refused.", {"records": 1000}
    ),
    "export_error_status": FaultInfo(
        "An export without data is an HTTP error, not an empty body.", {"status": 500}
    ),
    "cms_other_prefix": FaultInfo("Exports use other XML prefixes (pg, ext)."),
    "cms_broken": FaultInfo("Exports were changed after they were signed."),
    "gap_rows_left_out": FaultInfo("Readings not present have no row at all."),
    "gap_rows_zero": FaultInfo("Readings not present show the value 0.0000."),
    "no_recent_history": FaultInfo(
        "The history lacks the newest hours although the profile page has a value.",
        {"hours": 6},
    ),
    "no_logout_page": FaultInfo("Logout ends the session but answers nothing."),
    # accounts and sessions
    "refuse_200": FaultInfo(
        "A wrong password gets HTTP 200 and the refusal page, not 401."
    ),
    "portal_error": FaultInfo(
        "The operator's account is broken: HTTP 200 and the refusal page for the "
        "right password, no cookie."
    ),
    "lockout": FaultInfo(
        "Locks after fewer wrong logins than usual.", {"after": 3, "seconds": 300}
    ),
    "locked": FaultInfo(
        "The portal is locked from now on, with countdown.", {"seconds": 277}
    ),
    "session_in_use": FaultInfo(
        "Somebody else's session is open: a login gets a page without token or cookie."
    ),
    "session_expires": FaultInfo(
        "A session ends some seconds after its login.", {"after_s": 60}
    ),
    "session_expired_once": FaultInfo(
        "The next request inside a session finds it expired; once.",
        {"times": 1},
        countable=True,
    ),
    "old_nonce_blank": FaultInfo(
        "A nonce of an ended session gets HTTP 200 and a blank page, not 401."
    ),
    "new_nonce_each_time": FaultInfo(
        "Each nonce serves a single request; the next gets 401 with stale=true."
    ),
    "forbidden": FaultInfo("Every request for one meter is Unerlaubter Zugriff."),
    # state of the box
    "worn_out": FaultInfo(
        "The port goes dead after a number of logins (too many polls), until the "
        "fault is discarded.",
        {"logins": 1000},
    ),
    "selftest_outage": FaultInfo(
        "Sets how long the gateway is away after a self-test.", {"seconds": 30.0}
    ),
    "han_hang": FaultInfo(
        "Last synchronisation and all values stand still (a self-test cures it).",
        {"age_hours": 0.0},
    ),
    "contract_expired": FaultInfo(
        "All contracts ended some days ago; values stand still since then.",
        {"days": 3.0},
    ),
    "no_meters": FaultInfo("The meter list is empty."),
    "no_contracts": FaultInfo("The list of evaluation profiles is empty."),
    "no_values": FaultInfo("The meter has no reading yet: a table without rows."),
    "not_valid": FaultInfo(
        "The newest reading and every n-th are marked invalid.", {"every": 10}
    ),
    "gaps": FaultInfo(
        "The newest reading and every n-th are not present.", {"every": 7}
    ),
    "no_metervalue_table": FaultInfo("The profile page lacks the table of values."),
    "hostile_entities": FaultInfo(
        "Names and texts hold control characters, broken entities and script tags."
    ),
}
