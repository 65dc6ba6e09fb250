"""Faults of the CLS proxy. All take ``times=N``; those of a channel ``action=EMT``."""

from collections.abc import Mapping
from typing import Any

from simulator.faults import FaultInfo


def _fault(sentence: str, params: Mapping[str, Any] | None = None) -> FaultInfo:
    return FaultInfo(sentence, params or {}, countable=True)


CLS_FAULTS: dict[str, FaultInfo] = {
    # the HAN listener, before and in the handshake
    "han_reset": _fault("Accepts TCP and resets at once."),
    "han_hang": _fault("Accepts TCP and never starts the TLS handshake."),
    "han_alert": _fault(
        "Answers the ClientHello with a fatal alert of this number.", {"code": 40}
    ),
    "han_renegotiation_info": _fault(
        "Refuses (alert 47) a client that offers renegotiation_info, as OpenSSL does."
    ),
    "han_swapped": _fault("Shows another HAN certificate than the known one."),
    "han_expired": _fault("Shows a HAN certificate past its validity."),
    "han_suite": _fault(
        "Knows one forbidden cipher suite only.",
        {"name": "ECDHE-ECDSA-CHACHA20-POLY1305"},
    ),
    "han_curve": _fault("Knows one forbidden curve only.", {"name": "X25519"}),
    "han_tls11": _fault("Knows TLS 1.1 only."),
    "han_tls13": _fault("Knows TLS 1.3 only."),
    "han_renegotiate": _fault("Asks for another handshake as soon as TLS stands."),
    # SOCKS
    "socks_reply": _fault("Refuses the request with this reply.", {"code": 1}),
    "socks_method": _fault("Chooses this method.", {"code": 255}),
    "socks_version": _fault("Answers the greeting as this version.", {"number": 4}),
    "socks_split": _fault("Sends each byte of its answers in a record of its own."),
    "socks_silent": _fault(
        "Does not answer the greeting (0) or the request (1) for so long.",
        {"at": 0, "seconds": 3600.0},
    ),
    "socks_cut": _fault(
        "Resets after so many bytes of its answers (of 12 in all).", {"bytes": 1}
    ),
    "socks_bound": _fault(
        "Answers with another kind of bound address: name or ipv6.", {"kind": "name"}
    ),
    "socks_eager": _fault("Sends its reply and the EMT's first bytes in one record."),
    "slots_full": _fault("Has no channel left (reply 1)."),
    # the WAN
    "wan_down": _fault("Does not reach the EMT (reply 4)."),
    "wan_refused": _fault("The EMT's port is closed (reply 5)."),
    "wan_swapped": _fault("Finds another EMT's certificate (reply 1)."),
    # an open channel
    "relay_cut": _fault(
        "Ends one channel, once, after so many more bytes, counted from now on: "
        "how=reset, fin (no close_notify) or close; direction=up, down or any.",
        {"bytes": 0, "direction": "any", "how": "reset"},
    ),
    "relay_trickle": _fault(
        "Sends each byte in a record of its own, with a pause.", {"seconds": 0.0}
    ),
    "relay_delay": _fault("Holds everything back for so long.", {"seconds": 1.0}),
    "relay_swallow": _fault(
        "Is half open: takes everything, passes nothing on, closes nothing.",
        {"direction": "any"},
    ),
    "relay_half_close": _fault(
        "Says good-bye to the CLS (close_notify) in place of the next bytes to it, and "
        "closes nothing."
    ),
    "relay_damage": _fault("Sends the CLS a TLS record that no key fits."),
    "session": _fault("Ends channels after so many seconds.", {"seconds": 2.0}),
    # HKS4, HKS5
    "dial_swapped": _fault("Dials the CLS with another certificate than the known."),
    "dial_expired": _fault("Dials the CLS with a certificate past its validity."),
    "dial_silent": _fault("Dials the CLS and says nothing.", {"seconds": 3600.0}),
}
