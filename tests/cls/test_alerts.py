"""Each alert of TLS that a gateway can answer our hello with is told by its own name, over a real socket."""

import asyncio
from typing import Any

import pytest

from custom_components.smgw.cls.reasons import ChannelReason as Reason

from .conftest import Lab

_WARNING, _FATAL = 1, 2
# Numbers of the registry of TLS alerts (RFC 5246, 6066, 7301, 7507, 8446).
ALERTS = {
    10: Reason.ALERT_UNEXPECTED_MESSAGE,
    20: Reason.ALERT_BAD_RECORD_MAC,
    21: Reason.ALERT_DECRYPTION_FAILED,
    22: Reason.ALERT_RECORD_OVERFLOW,
    30: Reason.ALERT_DECOMPRESSION_FAILURE,
    40: Reason.ALERT_HANDSHAKE_FAILURE,
    41: Reason.ALERT_NO_CERTIFICATE,
    42: Reason.ALERT_BAD_CERTIFICATE,
    43: Reason.ALERT_UNSUPPORTED_CERTIFICATE,
    44: Reason.ALERT_CERTIFICATE_REVOKED,
    45: Reason.ALERT_CERTIFICATE_EXPIRED,
    46: Reason.ALERT_CERTIFICATE_UNKNOWN,
    47: Reason.ALERT_ILLEGAL_PARAMETER,
    48: Reason.ALERT_UNKNOWN_CA,
    49: Reason.ALERT_ACCESS_DENIED,
    50: Reason.ALERT_DECODE_ERROR,
    51: Reason.ALERT_DECRYPT_ERROR,
    60: Reason.ALERT_EXPORT_RESTRICTION,
    70: Reason.ALERT_PROTOCOL_VERSION,
    71: Reason.ALERT_INSUFFICIENT_SECURITY,
    80: Reason.ALERT_INTERNAL_ERROR,
    86: Reason.ALERT_INAPPROPRIATE_FALLBACK,
    90: Reason.ALERT_USER_CANCELLED,
    99: Reason.ALERT_UNKNOWN,
    100: Reason.ALERT_NO_RENEGOTIATION,
    109: Reason.ALERT_UNKNOWN,
    110: Reason.ALERT_UNSUPPORTED_EXTENSION,
    111: Reason.ALERT_CERTIFICATE_UNOBTAINABLE,
    112: Reason.ALERT_UNRECOGNIZED_NAME,
    113: Reason.ALERT_BAD_CERTIFICATE_STATUS,
    114: Reason.ALERT_BAD_CERTIFICATE_HASH,
    115: Reason.ALERT_UNKNOWN_PSK_IDENTITY,
    116: Reason.ALERT_CERTIFICATE_REQUIRED,
    120: Reason.ALERT_NO_APPLICATION_PROTOCOL,
}


async def _told(lab: Lab, level: int, number: int) -> Reason:
    """Return what a tunnel says whose hello is answered with an alert."""

    async def refuse(reader: asyncio.StreamReader, writer: Any) -> None:
        await reader.read(4096)
        writer.write(bytes([21, 3, 3, 0, 2, level, number]))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    gateway = await lab.gateway()
    gateway.port = server.sockets[0].getsockname()[1]
    await lab.room.configure([lab.out(gateway)])
    reason = await lab.failure()
    server.close()
    return reason


@pytest.mark.parametrize(("number", "reason"), ALERTS.items())
async def test_alert(lab: Lab, number: int, reason: Reason) -> None:
    """Every one, those included that have no name."""
    assert await _told(lab, _FATAL, number) is reason


async def test_it_takes_its_leave(lab: Lab) -> None:
    """A gateway that does not know us may just say good-bye: as if it had hung up."""
    assert await _told(lab, _WARNING, 0) is Reason.TLS_CUT


def test_all_of_them() -> None:
    """No name for an alert is left over."""
    assert set(ALERTS.values()) == {one for one in Reason if one.startswith("alert_")}
