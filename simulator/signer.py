"""Signs exports and profiles: DER CMS SignedData, the text in clear inside."""

from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from .tls import Certificate, self_signed


class Signer:
    """A throw-away EC key, made at the first export."""

    def __init__(self, gateway_id: str, name: str = "") -> None:
        """Remember whose signature it is, and the certificate's CN if it is not his."""
        self._name = name or f"{gateway_id}.sign"

    @cached_property
    def authority(self) -> Certificate:
        """Return a certificate that can stand for the sub-CA."""
        return self_signed("SM-Test-Sub.CA")

    @cached_property
    def certificate(self) -> Certificate:
        """Return the signing certificate."""
        return self_signed(self._name)

    @cached_property
    def issued(self) -> Certificate:
        """Return the signing certificate as the sub-CA's issue."""
        return self_signed(self._name, issuer=self.authority)

    def sign(self, xml: str) -> bytes:
        """Return the signed container of an XML text."""
        certificate, key = self.certificate.load()
        return (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(xml.encode())
            .add_signer(certificate, key, hashes.SHA256())
            .sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])
        )
