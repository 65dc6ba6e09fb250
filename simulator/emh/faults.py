"""The fault and variant table of the simulated EMH gateway."""

from collections.abc import Mapping

from simulator.faults import BOX_FAULTS, FaultInfo

EMH_FAULTS: Mapping[str, FaultInfo] = {
    **BOX_FAULTS,
    "live_values": FaultInfo(
        "The meters are configured for live values: current containers hold power, "
        "voltage, current, frequency and angles of this second."
    ),
    "only_totals": FaultInfo("Electricity meters show only 1.8.0 and 2.8.0."),
    "status_14": FaultInfo("Status words have 14 digits, not 16."),
    "months_kept": FaultInfo(
        "Older months of the load profile are empty arrays.", {"months": 3}
    ),
    "month_404": FaultInfo("Months without values are 404, not empty arrays."),
    "current_refused": FaultInfo(
        "The current registers of every contract answer 400, not only those of TAF 7."
    ),
    "periods_late": FaultInfo("Billing periods start a minute late."),
    "contracts_expired": FaultInfo("All contracts ended some days ago.", {"days": 3.0}),
    "mdns_off": FaultInfo("The gateway does not announce itself."),
}
