"""A gateway's certificate, read; and which driver it leads to."""

from datetime import UTC, datetime, timedelta
import ssl

from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.certificate import pem_to_der, read_certificate
from custom_components.smgw.han.driver import VENDORS, vendor_of
from custom_components.smgw.han.errors import NotAGateway, UnsupportedVendor
from custom_components.smgw.han.ppc import PATH
from simulator.tls import CURVES, self_signed

KNOWN = self_signed("EPPC0210123456")


@pytest.mark.parametrize("curve", CURVES)
def test_read(curve: str) -> None:
    """Id, fingerprint and validity, whatever the curve."""
    made = self_signed("eppc0210123456", curve=curve)
    certificate = read_certificate(made.der)
    assert certificate.gateway_id == "EPPC0210123456"
    assert certificate.fingerprint == made.fingerprint
    assert certificate.not_after > datetime.now(UTC) + timedelta(days=365)
    assert pem_to_der(certificate.pem) == made.der


def test_expired() -> None:
    """An expired certificate can be read, and says so."""
    certificate = read_certificate(self_signed("EPPC0210123456", expired=True).der)
    assert certificate.not_after < datetime.now(UTC)


@pytest.mark.parametrize("name", ["fritz.box", "1ESY0060178981", "EPPC021012345"])
def test_not_a_gateway(name: str) -> None:
    """A certificate of something else."""
    with pytest.raises(NotAGateway):
        read_certificate(self_signed(name).der)


def test_unknown_version() -> None:
    """A certificate of a version that does not exist is unreadable."""
    der = KNOWN.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    with pytest.raises(NotAGateway):
        read_certificate(der)


# a serial number below one is a matter for a later cryptography
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(
    st.lists(
        st.tuples(st.integers(0, len(KNOWN.der) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, len(KNOWN.der)),
)
def test_mutilated(flips: list[tuple[int, int]], cut: int) -> None:
    """A certificate of any bytes is a gateway's, or it is not."""
    der = bytearray(KNOWN.der)
    for position, value in flips:
        der[position] = value
    for data in (bytes(der), bytes(der[:cut])):
        try:
            assert read_certificate(data).gateway_id
        except NotAGateway:
            continue


def test_pem_that_is_none() -> None:
    """A stored certificate that is none."""
    with pytest.raises(ValueError):
        pem_to_der("nothing")


def test_vendor() -> None:
    """The maker's letters in the gateway id lead to the driver."""
    vendor = vendor_of("eppc0210123456")
    assert vendor is VENDORS["PPC"]
    assert vendor.path == PATH
    assert vendor.floor == timedelta(minutes=15)


def test_unsupported_vendor() -> None:
    """A gateway of another maker is named."""
    with pytest.raises(UnsupportedVendor) as caught:
        vendor_of("EXYZ0300123456")
    assert caught.value.placeholders == {"gateway_id": "EXYZ0300123456"}


def test_pem_is_what_ssl_writes() -> None:
    """Stored and given form are the same certificate."""
    assert ssl.PEM_cert_to_DER_cert(read_certificate(KNOWN.der).pem) == KNOWN.der
