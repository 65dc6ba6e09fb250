"""Signed containers (CMS SignedData, RFC 5652): opened, and what their signature says.

Decoded by asn1crypto; digest and signature are checked by cryptography. A good
signature says that the content is what the signer signed. Who the signer is says only
its certificate, and that is believed for two reasons: it names the gateway and its key
is the one first seen, or a chain leads from it to a root that the owner supplied.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
import hmac

from asn1crypto import cms as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .errors import FileUnreadable

MOST_BYTES = 64 * 1024 * 1024
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_LONGEST_CHAIN = 5


class Verdict(StrEnum):
    """What may be said of a signed content. Never just "valid"."""

    KNOWN = "intact_known"
    """Unchanged since it was signed, and the signer is known."""
    UNKNOWN = "intact_unknown"
    """Unchanged since it was signed; who signed it is not known."""
    BROKEN = "broken"
    """Content, signature and certificate do not fit together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An opened container."""

    content: bytes
    intact: bool
    """Whether digest and signature fit the content and the certificate."""
    signer: x509.Certificate | None
    """The certificate the signature names; None if it is not there."""
    others: tuple[x509.Certificate, ...] = ()

    @property
    def key(self) -> str:
        """Return the SHA-256 of the signer's public key, hex; empty without signer."""
        if self.signer is None:
            return ""
        encoded = self.signer.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return sha256(encoded).hexdigest()

    def names(self, gateway_id: str) -> bool:
        """Say whether the signer's certificate names a gateway."""
        if self.signer is None:
            return False
        common_names = self.signer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return any(
            str(name.value).upper().partition(".")[0] == gateway_id.upper()
            for name in common_names
        )


def open_signed(container: bytes) -> Signed:
    """Open a container and check its signature.

    Hostile input costs time in proportion to its length. For a worker thread. Raises
    `FileUnreadable` for what is no SignedData with a content.
    """
    if len(container) > MOST_BYTES:
        raise FileUnreadable("too large")
    try:
        content, signers, certificates = _parts(container)
    except Exception as err:  # noqa: BLE001 whatever the decoder stumbles over
        raise FileUnreadable(f"no SignedData: {type(err).__name__}") from None
    if len(signers) != 1:
        return Signed(content=content, intact=False, signer=None)
    try:
        signer = _named(signers[0], certificates)
        intact = signer is not None and _fits(signers[0], signer, content)
    except Exception:  # noqa: BLE001 a signature that cannot even be read is broken
        return Signed(content=content, intact=False, signer=None)
    others = tuple(one for one in certificates if one is not signer)
    return Signed(content=content, intact=intact, signer=signer, others=others)


def judge(
    signed: Signed,
    gateway_id: str,
    first_key: str | None,
    roots: Sequence[x509.Certificate] = (),
    now: datetime | None = None,
) -> Verdict:
    """Say what may be said of a container.

    `first_key` is the `key` of the first container of this gateway; without one, the
    signer is believed for its name alone this time, and the caller keeps its key.
    `roots` are the owner's; `now` is for their validity.
    """
    if not signed.intact or signed.signer is None:
        return Verdict.BROKEN
    if signed.names(gateway_id):
        if first_key is None or hmac.compare_digest(first_key, signed.key):
            return Verdict.KNOWN
        if _leads_to(signed.signer, signed.others, roots, now):
            return Verdict.KNOWN
    return Verdict.UNKNOWN


def _parts(
    container: bytes,
) -> tuple[bytes, list[asn1.SignerInfo], list[x509.Certificate]]:
    """Return content, signers and certificates. Raises whatever the decoder raises."""
    outer = asn1.ContentInfo.load(container, strict=True)
    if outer["content_type"].native != "signed_data":
        raise ValueError("another content type")
    data = outer["content"]
    content = data["encap_content_info"]["content"].native
    if not isinstance(content, bytes):
        raise TypeError("no content")
    return content, list(data["signer_infos"]), list(_certificates(data))


def _certificates(data: asn1.SignedData) -> Iterable[x509.Certificate]:
    for choice in data["certificates"] or ():
        if choice.name == "certificate":
            yield x509.load_der_x509_certificate(choice.chosen.dump())


def _named(
    signer: asn1.SignerInfo, certificates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    """Return the certificate that the signature names."""
    sid = signer["sid"]
    for certificate in certificates:
        if sid.name == "issuer_and_serial_number":
            if (
                sid.chosen["serial_number"].native == certificate.serial_number
                and sid.chosen["issuer"].dump() == certificate.issuer.public_bytes()
            ):
                return certificate
            continue
        found = x509.SubjectKeyIdentifier
        try:
            own = certificate.extensions.get_extension_for_class(found).value.digest
        except x509.ExtensionNotFound:
            own = found.from_public_key(certificate.public_key()).digest
        if own == sid.chosen.native:
            return certificate
    return None


def _fits(
    signer: asn1.SignerInfo, certificate: x509.Certificate, content: bytes
) -> bool:
    """Say whether digest and signature are those of the content."""
    algorithm = _HASHES[signer["digest_algorithm"]["algorithm"].native]
    signed = content
    attributes = signer["signed_attrs"]
    if attributes.native is not None:
        said = {
            attribute["type"].native: attribute["values"] for attribute in attributes
        }
        digest = hashes.Hash(algorithm())
        digest.update(content)
        if not hmac.compare_digest(said["message_digest"][0].native, digest.finalize()):
            return False
        # As a SET, not with the tag it has inside the container (RFC 5652, 5.4).
        signed = attributes.untag().dump(force=True)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signer["signature"].native, signed, ec.ECDSA(algorithm()))
    except InvalidSignature:
        return False
    return True


def _leads_to(
    certificate: x509.Certificate,
    between: Iterable[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime | None,
) -> bool:
    """Say whether a chain of certificates leads to one of the roots."""
    between = tuple(between)
    for _ in range(_LONGEST_CHAIN):
        if now and not (
            certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        ):
            return False
        if any(_issued(certificate, root) for root in roots):
            return True
        issuers = [one for one in between if _issued(certificate, one)]
        if not issuers or issuers[0] == certificate:
            return False
        certificate = issuers[0]
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except ValueError, TypeError, InvalidSignature:
        return False
    if certificate == issuer:
        return True
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return constraints.value.ca
