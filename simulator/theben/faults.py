"""The fault and variant table of the simulated Theben gateway."""

from collections.abc import Mapping

from simulator.faults import BOX_FAULTS, FaultInfo

THEBEN_FAULTS: Mapping[str, FaultInfo] = {
    **BOX_FAULTS,
    # first call
    "redirect_302": FaultInfo("The first call is answered with 302, not 307."),
    "redirect_absolute": FaultInfo("The Location has scheme and host, not the path."),
    "user_id_gateway": FaultInfo("The user id is the gateway's id, <id>.sm."),
    "old_xml_api": FaultInfo(
        "Old firmware: the Location ends in /getdata (an XML interface that is not "
        "simulated: 500)."
    ),
    # requests
    "charset_accepted": FaultInfo(
        "A Content-Type with parameters (charset) is accepted, not 400."
    ),
    "any_window": FaultInfo("Windows of more than 31 days are answered, not 400."),
    "window_by_capture": FaultInfo(
        "fromtime and totime are compared with the capture time, not the target time."
    ),
    # contracts
    "joined_directions": FaultInfo(
        "Import and export share a usage point (else there is one for each)."
    ),
    "state_ready": FaultInfo("Running contracts say 'ready'."),
    "contracts_expired": FaultInfo(
        "All contracts ended some days ago: archive, no value since then.",
        {"days": 3.0},
    ),
    "end_time_far": FaultInfo(
        "Open contracts have an end-time far ahead, not an empty one."
    ),
    "billing_periods_key": FaultInfo(
        "The billing periods have another key.", {"key": "billingPeriods"}
    ),
    "daily_periods": FaultInfo(
        "Contracts have one billing period a day, hundreds of them."
    ),
    # readings
    "interface_120": FaultInfo(
        "Interface version 1.2.0 (2020): OBIS codes end in .<meter>.sm."
    ),
    "obis_suffix": FaultInfo("OBIS codes of readings end in .<meter>.sm."),
    "capture_early": FaultInfo(
        "The capture time lies some seconds before the target time.", {"seconds": 40}
    ),
    "filtered_last_empty": FaultInfo(
        "last-reading together with a channel filter answers empty channels."
    ),
    "incomplete": FaultInfo(
        "Only the first readings of a channel come, and 'incomplete' says so.",
        {"readings": 1000},
    ),
    "live_refused": FaultInfo(
        "Contracts that are not kept (TAF 9, 10, 14) answer 400 even to last-reading."
    ),
    # log, self-test, state
    "long_log": FaultInfo(
        "The consumer log has more entries than one answer holds.", {"entries": 4000}
    ),
    "self_test_running": FaultInfo("A self-test is running: another one gets 403."),
    "self_test_outage": FaultInfo(
        "A self-test takes the gateway away for a while.", {"seconds": 60.0}
    ),
    "smgw_time_local": FaultInfo("smgw-time is Berlin wall time, not UTC."),
    "han_off": FaultInfo(
        "Secure State Connectivity: WAN and HAN are connected, so the HAN port is off "
        "(here: connections are closed at once)."
    ),
}
