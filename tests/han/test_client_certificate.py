"""The file with a client certificate: what it must hold, and what is said if not."""

from base64 import b64decode
from datetime import timedelta
import ssl

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given, strategies as st
import pytest

from custom_components.smgw.han.client_certificate import (
    LARGEST,
    curve_of,
    facts,
    read_pkcs12,
)
from custom_components.smgw.han.errors import (
    ClientCertificateExpired,
    ClientCertificateNotYetValid,
    ClientFileError,
    FilePasswordNeeded,
    KeyMismatch,
    NotPkcs12,
    PrivateKeyMissing,
    WrongFilePassword,
    WrongKeyType,
)
from custom_components.smgw.han.model import ClientCertificate
from tests.client_keys import BEGIN, END, bundle, certificate_of, consumer

from .helpers import START

PASSWORD = "Öffne Dich €"
OWN = consumer("ecpr0099000001")
FILE, LOCKED = OWN.pkcs12(), OWN.pkcs12(PASSWORD.encode())
# By `openssl pkcs12 -export -legacy`: RC2 for the certificate, triple DES for the key.
OLD = b64decode(
    """
MIIDVQIBAzCCAxsGCSqGSIb3DQEHAaCCAwwEggMIMIIDBDCCAd8GCSqGSIb3DQEHBqCCAdAwggHM
AgEAMIIBxQYJKoZIhvcNAQcBMBwGCiqGSIb3DQEMAQYwDgQIu98zQ9KaHNICAggAgIIBmGx+TDZk
Tn5A4c1f4etBgj9SmOzdQ0d2zyYth+28E+oG6oqmKm+BWaV2Da/77R99Mtyf/5AyDpO3elJRb8hf
7zC2xV+7cFIwZomrkrKNlfBowctDYY7Ro4d59rYogNvnwhFof0w8KlKL+dv+VopaJMXD/eKpZp6F
9EZAhZu8ZKhayLAYbLhKIhwrmpgEDmimHRUnPJIF5Sv1FASI4DJt6YvrnhLYmwhJlAJ+yNitdLTi
bpI3DuNSleI3ab6A51KqBrkwMWRXJRq5auvSugUtJ9cPLr16k/pXA3DC04S2PtuAYItUKxLJ9DuN
TQ03WjQxOosK4aoi3ZfpKzvli8M/Fo2MYUmD9WphKqTvjMPMRcHL6S4RpMNYK+XcnjMPO2zURFkC
NVCiIP9Zs75qfScN5dPwCpNOGWcYOwqltn20MfiBLejWckX0AiAS6xa6WR/BwYABcpnppjLBk7Fm
+4uxe0fRM30JtxEmqKOaNVmfknmdCU+xT5rjBvvUCObZt9Hto7rcx7DcK8/WygIo/EFiCLBaxxYo
e/71OTCCAR0GCSqGSIb3DQEHAaCCAQ4EggEKMIIBBjCCAQIGCyqGSIb3DQEMCgECoIG0MIGxMBwG
CiqGSIb3DQEMAQMwDgQIAlDFuLKPBb0CAggABIGQuYvqr5gsPzlGxWwWJdq2SuOE2kfQ3BtMB5My
yxSIFTcwmiDtdD+59Ru7K8H+3IVqVx7I57EQoelBsX/G7nPR6vb7/mT20WmhuKJx7Dhn8ovhJYVZ
r2xFY+zaZ/tebJ2bdQtdOB2AulOJvAkobnxp3dywHN4BTTJlNRu2AN7bdyc+cIeJ77E7v5300VMc
T2LcMTwwFQYJKoZIhvcNAQkUMQgeBgBvAGwAZDAjBgkqhkiG9w0BCRUxFgQUFHkVCP6LF49yzVpx
KBzSywDDiSQwMTAhMAkGBSsOAwIaBQAEFBLz8uxepF+qqMbC80Fm+BdPeS+pBAhpgUjnMur7twIC
CAA=
"""
)
KEY = ec.generate_private_key(ec.SECP256R1())


def refusal(data: bytes, password: str = "") -> ClientFileError:
    """Read what must not be accepted; return why, having seen that it tells no secret."""
    with pytest.raises(ClientFileError) as caught:
        read_pkcs12(data, password, START)
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
    return caught.value


@pytest.mark.parametrize(
    ("curve", "name"),
    [
        (ec.SECP256R1, "P-256"),
        (ec.SECP384R1, "P-384"),
        (ec.BrainpoolP256R1, "brainpoolP256r1"),
        (ec.BrainpoolP384R1, "brainpoolP384r1"),
        (ec.BrainpoolP512R1, "brainpoolP512r1"),
    ],
)
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_read(curve: type[ec.EllipticCurve], name: str, password: str) -> None:
    """Key and certificate come out as they went in, on every curve of the gateways."""
    own = consumer("ecpr0099000001", curve)
    read = read_pkcs12(own.pkcs12(password.encode() or None), password, START)
    assert read.der == own.der
    assert (
        load_pem_private_key(read.key.encode(), None).public_key()
        == own.load()[1].public_key()
    )
    told = facts(read)
    assert (told.name, told.curve) == ("ecpr0099000001", name)
    assert (told.not_before, told.not_after) == (BEGIN, END)
    assert told.fingerprint == own.fingerprint
    assert curve_of(own.der) == name


def test_chain() -> None:
    """The account's own certificate comes first, wherever it stood; the others stay."""
    other = certificate_of(ec.generate_private_key(ec.SECP384R1()), "authority")
    own = certificate_of(KEY)
    usual = read_pkcs12(bundle(KEY, own, (other,)), "", START)
    assert usual.certificate.count(ssl.PEM_HEADER) == 2
    assert usual.der == own.public_bytes(Encoding.DER)
    # not marked as the key's own
    unmarked = read_pkcs12(bundle(KEY, None, (other, own)), "", START)
    assert unmarked == usual
    alone = read_pkcs12(bundle(KEY, own), "", START)
    assert alone.identity == usual.identity


def test_password_that_is_not_needed() -> None:
    """Whoever types one for a file without is not sent back for it."""
    assert read_pkcs12(FILE, "anything", START) == read_pkcs12(FILE, "", START)


def test_password() -> None:
    """None, a wrong one, and one that is no text."""
    assert type(refusal(LOCKED)) is FilePasswordNeeded
    assert type(refusal(LOCKED, PASSWORD.lower())) is WrongFilePassword
    assert type(refusal(LOCKED, "\ud800")) is WrongFilePassword


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"\x30\x80",
        OWN.pem.encode(),
        OWN.key_pem.encode(),
        OWN.der,
        KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        LOCKED[:-1],
        LOCKED + bytes(LARGEST),
    ],
    ids=[
        "empty",
        "one byte",
        "two bytes",
        "pem",
        "key pem",
        "certificate",
        "key",
        "cut off",
        "huge",
    ],
)
def test_not_pkcs12(data: bytes) -> None:
    """Other files that operators send along, and pieces."""
    assert type(refusal(data, PASSWORD)) is NotPkcs12


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle:UserWarning")
def test_indefinite_length() -> None:
    """BER, as some tools write it."""
    assert LOCKED[1] == 0x82, "two bytes of length"
    ber = b"\x30\x80" + LOCKED[4:] + b"\x00\x00"
    assert read_pkcs12(ber, PASSWORD, START).der == OWN.der


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle:UserWarning")
@given(st.binary(max_size=200), st.integers(0, len(LOCKED)))
def test_damaged(noise: bytes, at: int) -> None:
    """Whatever the bytes, an answer: read, or a reason."""
    for data in (noise, LOCKED[:at] + noise + LOCKED[at + len(noise) :]):
        try:
            read = read_pkcs12(data, PASSWORD, START)
        except ClientFileError:
            continue
        assert read.der == OWN.der


def test_missing_parts() -> None:
    """A certificate without key, and a key without certificate."""
    own = certificate_of(KEY)
    assert type(refusal(bundle(None, own))) is PrivateKeyMissing
    assert type(refusal(bundle(KEY, None))) is PrivateKeyMissing


def test_key_of_another() -> None:
    """A key whose certificate is not in the file."""
    other = certificate_of(ec.generate_private_key(ec.SECP256R1()))
    assert type(refusal(bundle(KEY, None, (other,)))) is KeyMismatch


def test_wrong_key_type() -> None:
    """RSA, a curve that no gateway knows, and no such curve at all."""
    for key, name in (
        (rsa.generate_private_key(65537, 2048), "RSA 2048"),
        (ec.generate_private_key(ec.SECP521R1()), "secp521r1"),
    ):
        error = refusal(bundle(key, certificate_of(key)))
        assert isinstance(error, WrongKeyType)
        assert error.placeholders == {"found": name}
    key = ed25519.Ed25519PrivateKey.generate()
    error = refusal(bundle(key, None))
    assert error.placeholders == {"found": "Ed25519"}


def test_validity() -> None:
    """To the second, with its date."""
    second = timedelta(seconds=1)
    own = consumer(begin=START, end=START + second)
    assert read_pkcs12(own.pkcs12(), "", START).der == own.der
    expired = consumer(end=START)
    error = refusal(expired.pkcs12())
    assert type(error) is ClientCertificateExpired
    assert error.placeholders == {"valid_until": "2026-11-20"}
    early = consumer(begin=START + second)
    error = refusal(early.pkcs12())
    assert type(error) is ClientCertificateNotYetValid
    assert error.placeholders == {"valid_from": "2026-11-20"}


def test_no_name() -> None:
    """A subject may be empty."""
    read = read_pkcs12(bundle(KEY, certificate_of(KEY, "")), "", START)
    assert facts(read).name == ""


def test_tells_nothing() -> None:
    """Neither printed nor in a log; the same account is the same whatever its key."""
    read = read_pkcs12(FILE, "", START)
    assert repr(read) == str(read) == "ClientCertificate(…)"
    assert read.key not in f"{[read]} {read.identity} {read.digest}"
    assert read == ClientCertificate(certificate=read.certificate, key=read.key)


def test_every_reason_has_a_text() -> None:
    """No two failures are told with the same words."""
    keys = [error.key for error in ClientFileError.__subclasses__()]
    assert len(set(keys)) == len(keys) == 8


def test_outdated_encryption() -> None:
    """The form in which operators' tools wrote it for years."""
    digest = "63fcb6a4091f7e8005f5a24e481a2d81287d9926cf6a10e2fef2387f151ec045"
    assert read_pkcs12(OLD, "test", START).digest == digest
    assert type(refusal(OLD, "Test")) is WrongFilePassword
