"""Our key and certificate: made, imported, renewed; and what of it others get."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec, rsa
import pytest

from custom_components.smgw.cls import errors
from custom_components.smgw.cls.certificates import CURVES, fingerprint, is_one_of
from custom_components.smgw.cls.identity import Identity
from tests.client_keys import bundle, certificate_of

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("curve", CURVES)
def test_a_key_is_made_on_the_gateways_curve(curve: str) -> None:
    """Certificate and key fit, and are valid from now on."""
    identity = Identity.made(curve, "EMH-CLS-1", NOW)
    facts = identity.check(NOW)
    assert (facts.curve, facts.name) == (curve, "EMH-CLS-1")
    assert facts.not_before < NOW < facts.not_after


def test_no_other_curve() -> None:
    """A gateway would refuse it."""
    with pytest.raises(errors.WrongCurve):
        Identity.made("secp521r1", "x", NOW)


def test_the_key_stays_here() -> None:
    """Neither the operator's file nor a log line holds it."""
    identity = Identity.made("secp256r1", "x", NOW)
    assert "PRIVATE" not in identity.for_operator + repr(identity)
    assert identity.for_operator.startswith("-----BEGIN CERTIFICATE-----")


def test_a_successor_has_another_key_of_the_same_curve() -> None:
    """One name, two keys."""
    identity = Identity.made("brainpoolP384r1", "mine", NOW)
    later = identity.facts.not_after - timedelta(days=30)
    successor = identity.successor(later)
    assert successor.facts.curve == "brainpoolP384r1"
    assert successor.facts.name == "mine"
    assert successor.facts.fingerprint != identity.facts.fingerprint


@pytest.mark.parametrize("password", ["", "geheim ß"])
def test_pkcs12(password: str) -> None:
    """Key and certificate of a file, the operator's chain behind our own."""
    key = ec.generate_private_key(ec.BrainpoolP256R1())
    other = certificate_of(ec.generate_private_key(ec.SECP256R1()), "sub")
    own = certificate_of(key, "own")
    data = bundle(key, own, (other,), password.encode() or None)
    identity = Identity.of_pkcs12(data, password, NOW)
    assert identity.facts.name == "own"
    assert identity.certificate.count("BEGIN") == 2
    assert identity.for_operator.count("BEGIN") == 1


def _files() -> dict[type[errors.BadIdentity], bytes]:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    strange = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    old = certificate_of(key, begin=NOW - timedelta(days=9), end=NOW)
    return {
        errors.NotPkcs12: b"no file of ours",
        errors.WrongFilePassword: bundle(key, certificate_of(key), password=b"other"),
        errors.WrongCurve: bundle(strange, certificate_of(strange)),
        errors.KeyMismatch: bundle(key, None, (certificate_of(other),)),
        errors.OutOfValidity: bundle(key, old),
    }


@pytest.mark.parametrize("kind", list(_files()))
def test_a_file_that_cannot_be_ours(kind: type[errors.BadIdentity]) -> None:
    """Each reason has its own class, and none tells the password."""
    with pytest.raises(kind) as raised:
        Identity.of_pkcs12(_files()[kind], "S3cret", NOW)
    assert "S3cret" not in repr(raised.value)


def test_wrong_curve_in_a_file() -> None:
    """A curve that no gateway may use."""
    key = ec.generate_private_key(ec.SECP521R1())
    with pytest.raises(errors.WrongCurve):
        Identity.of_pkcs12(bundle(key, certificate_of(key)), "", NOW)


@pytest.mark.parametrize("typed", ["AB:" * 31 + "AB", " abab " * 16, "AB-" * 31 + "ab"])
def test_fingerprints_as_people_type_them(typed: str) -> None:
    """Colons, blanks and dashes are left out."""
    assert fingerprint(typed) == "ab" * 32


@pytest.mark.parametrize("typed", ["", "ab" * 31, "ab" * 33, "xy" * 32, "аb" * 32])
def test_no_fingerprint(typed: str) -> None:
    """Too short, too long, no hex digits, letters that look like some."""
    with pytest.raises(errors.BadFingerprint):
        fingerprint(typed)


def test_two_fingerprints_during_a_roll_over() -> None:
    """Either of the two is right, a third is not."""
    ders = [Identity.made("secp256r1", "x", NOW).der for _ in range(3)]
    pins = tuple(fingerprint(_hex(der)) for der in ders[:2])
    assert [is_one_of(der, pins) for der in ders] == [True, True, False]


def _hex(der: bytes) -> str:
    return sha256(der).hexdigest()
