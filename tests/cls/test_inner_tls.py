"""Who knocks inside the tunnel, with a TLS of its own: what is refused outside is refused there (TR-03116-3)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import ssl
import warnings

import h11
import pytest

from custom_components.smgw.cls.identity import Identity
from custom_components.smgw.cls.model import InnerTls
from custom_components.smgw.cls.reasons import ChannelReason as Reason

from .conftest import Lab
from .emt import Emt
from .world import gateway_context, identity, over_tls

NOW = datetime.now(UTC)
BOILER = "items/switch.boiler/commands"
type Change = Callable[[ssl.SSLContext], object]


def _versions(low: ssl.TLSVersion, high: ssl.TLSVersion) -> Change:
    def change(made: ssl.SSLContext) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.set_ciphers("ALL:@SECLEVEL=0")
            # First the end that lets the other one pass.
            made.minimum_version = min(low, made.maximum_version)
            made.maximum_version = high
            made.minimum_version = low

    return change


def _suite(name: str) -> Change:
    return lambda made: made.set_ciphers(f"{name}:@SECLEVEL=0")


def _curve(name: str) -> Change:
    return lambda made: made.set_ecdh_curve(name)


async def _asks(lab: Lab, theirs: Identity, context: ssl.SSLContext) -> Emt:
    """Open a tunnel in which only one certificate is welcome, and send a command through a TLS inside."""
    gateway = await lab.gateway()
    inner = InnerTls(peers=(theirs.facts.fingerprint,))
    await lab.room.configure([lab.out(gateway, inner=inner)])
    outer = await gateway.emt()
    emt = await over_tls(outer.writer, context)
    answer = await lab.write(emt, "POST", BOILER, {"value": True, "duration_s": 60})
    assert answer.status == 202
    return emt


async def _refused(lab: Lab, theirs: Identity, context: ssl.SSLContext) -> Reason:
    with pytest.raises((OSError, EOFError, h11.RemoteProtocolError)):
        await _asks(lab, theirs, context)
    reason = await lab.failure()
    assert lab.bench.home.writes == []
    assert not {"received", "contact_regained"} & set(await lab.bench.kinds())
    return reason


async def test_good(lab: Lab) -> None:
    """What is good gets in, by the same way as everything below."""
    theirs = identity()
    context = gateway_context(theirs, lab.own, server=False)
    emt = await _asks(lab, theirs, context)
    assert emt.writer.get_extra_info("cipher")[1] == "TLSv1.2"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_versions(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1), id="1.0"),
        pytest.param(
            _versions(ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1), id="1.1"
        ),
        pytest.param(
            _versions(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3), id="1.3"
        ),
        pytest.param(_suite("ECDHE-ECDSA-CHACHA20-POLY1305"), id="chacha"),
        pytest.param(_suite("ECDHE-ECDSA-AES128-CCM"), id="ccm"),
        pytest.param(_suite("ECDHE-ECDSA-AES128-SHA"), id="sha1"),
        pytest.param(_suite("ECDHE-RSA-AES128-GCM-SHA256"), id="rsa"),
        pytest.param(_suite("AES128-GCM-SHA256"), id="no forward secrecy"),
        pytest.param(_curve("X25519"), id="x25519"),
        pytest.param(_curve("secp521r1"), id="p521"),
        pytest.param(_curve("secp384r1"), id="another"),
    ],
)
async def test_forbidden(lab: Lab, change: Change) -> None:
    """The right certificate, but something that may not be spoken: no handshake."""
    theirs = identity()
    context = gateway_context(theirs, lab.own, server=False)
    change(context)
    assert await _refused(lab, theirs, context) is Reason.INNER_FAILED


@pytest.mark.parametrize(
    ("begin", "days", "reason"),
    [
        (-30, 29, Reason.INNER_PEER_EXPIRED),
        (2, 300, Reason.INNER_PEER_NOT_YET_VALID),
    ],
)
async def test_out_of_time(lab: Lab, begin: int, days: int, reason: Reason) -> None:
    """The right certificate, too late or too early."""
    theirs = identity(at=NOW + timedelta(days=begin), days=days)
    context = gateway_context(theirs, lab.own, server=False)
    assert await _refused(lab, theirs, context) is reason


async def test_twin(lab: Lab) -> None:
    """Same name, same dates, another key."""
    begin = NOW - timedelta(days=9)
    theirs, twin = (identity(name="emt", at=begin) for _ in range(2))
    context = gateway_context(twin, lab.own, server=False)
    assert await _refused(lab, theirs, context) is Reason.INNER_PEER_UNKNOWN


async def test_nobody(lab: Lab) -> None:
    """No certificate at all."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ecdh_curve("prime256v1")
    assert await _refused(lab, identity(), made) is Reason.INNER_FAILED
