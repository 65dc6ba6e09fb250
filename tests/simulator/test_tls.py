"""Certificates, curves, versions."""

from datetime import UTC, datetime
import hashlib
from pathlib import Path
import ssl

from cryptography import x509
import pytest

from simulator.ppc import PpcGateway
from simulator.tls import self_signed

from .client import HanClient
from .conftest import Connect, Start
from .openssl import s_client


def peer(gateway: PpcGateway, **options: int) -> tuple[bytes, str]:
    """Return the certificate and the TLS version a connection gets."""
    import socket

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    with (
        socket.create_connection((gateway.host, gateway.port), 5) as plain,
        context.wrap_socket(plain) as sock,
    ):
        return sock.getpeercert(binary_form=True) or b"", sock.version() or ""


def test_certificate(gateway: PpcGateway) -> None:
    """Self-signed, the CN is the gateway's id, TLS 1.3 and 1.2."""
    der, version = peer(gateway)
    assert version == "TLSv1.3"
    assert peer(gateway, maximum_version=ssl.TLSVersion.TLSv1_2)[1] == "TLSv1.2"
    assert der == gateway.certificate_der
    certificate = x509.load_der_x509_certificate(der)
    assert certificate.subject.rfc4514_string() == "CN=EPPC0210123456"
    assert certificate.issuer == certificate.subject
    digest = hashlib.sha256(der).hexdigest().upper()
    assert gateway.fingerprint.replace(":", "") == digest
    assert gateway.fingerprint[2::3] == ":" * 31


def test_rotation(gateway: PpcGateway, client: HanClient, connect: Connect) -> None:
    """New connections get the new certificate, open ones go on."""
    old = gateway.fingerprint
    new = gateway.rotate_certificate()
    assert new == gateway.fingerprint != old
    assert client.meters()
    assert peer(gateway)[0] == gateway.certificate_der
    assert connect(gateway).raw("GET").status == 401


def test_expired(start: Start) -> None:
    """An expired certificate on demand."""
    gateway = start(expired=True)
    certificate = x509.load_der_x509_certificate(peer(gateway)[0])
    assert certificate.not_valid_after_utc < datetime.now(UTC)


def test_max_tls12(start: Start) -> None:
    """A gateway without TLS 1.3."""
    assert peer(start(max_tls12=True))[1] == "TLSv1.2"


@pytest.mark.parametrize("curve", ["brainpoolP256r1", "brainpoolP384r1"])
def test_brainpool(start: Start, curve: str) -> None:
    """A brainpool gateway talks to clients that offer the curve."""
    gateway = start(curve=curve)
    told = s_client(gateway, "-tls1_2", "-curves", f"{curve}:prime256v1")
    assert "CN = EPPC0210123456" in told
    assert "Cipher is ECDHE-ECDSA" in told


def test_own_certificate(start: Start, gateway: PpcGateway) -> None:
    """A certificate may be given, e.g. to restart with the same one."""
    again = start(certificate=gateway.certificate)
    assert again.fingerprint == gateway.fingerprint


def test_client_certificate(start: Start, connect: Connect, tmp_path: Path) -> None:
    """A known client certificate opens a session without Digest."""
    own = self_signed("ecpr0099000001")
    gateway = start(client_certificates={"1234567890": own})
    assert connect(gateway).raw("GET").status == 401
    path = tmp_path / "client.pem"
    path.write_text(own.pem + own.key_pem)
    client = connect(gateway, certificate=path)
    assert client.raw("GET").page.texts("headline_willkommen")
    assert client.meters()
    assert gateway.requests[-1].authenticated
    client.post("logout")
    assert gateway.open_sessions == 0


@pytest.mark.parametrize("max_tls12", [False, True])
def test_unknown_client_certificate(
    start: Start, connect: Connect, tmp_path: Path, max_tls12: bool
) -> None:
    """A certificate that no user has, or one that has ended, leads to Digest."""
    known = self_signed("ecpr0099000001", expired=True)
    users = {"1234567890": known}
    gateway = start(client_certificates=users, max_tls12=max_tls12)
    for own in (self_signed("somebody"), known):
        path = tmp_path / "client.pem"
        path.write_text(own.pem + own.key_pem)
        client = connect(gateway, certificate=path)
        assert client.raw("GET").status == 401
        assert client.login().status == 200
