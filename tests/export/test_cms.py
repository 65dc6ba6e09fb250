"""Signed containers: what openssl signs is intact, and whatever is changed is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
import shutil
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.smgw.export.cms import Signed, Verdict, judge, open_signed
from custom_components.smgw.export.errors import FileUnreadable

GATEWAY = "EPPC0210123456"
CONTENT = b"<a>" + b"0123456789" * 500 + b"</a>"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")


def name(common: str) -> x509.Name:
    """Return a subject."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """A key with a certificate, by itself or by another."""

    def __init__(
        self, common: str, curve: ec.EllipticCurve, by: Authority | None = None
    ) -> None:
        """Make both; valid for some years around now."""
        self.key = ec.generate_private_key(curve)
        signer = by or self
        self.name = name(common)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=700))
            .not_valid_after(NOW + timedelta(days=700))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False
            )
            .sign(signer.key, hashes.SHA256())
        )

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Return the files of certificate and key."""
        certificate, key = folder / "cert.pem", folder / "key.pem"
        pem = serialization.Encoding.PEM
        certificate.write_bytes(self.certificate.public_bytes(pem))
        key.write_bytes(
            self.key.private_bytes(
                pem,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, key


def run(*arguments: str | Path, content: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run openssl."""
    command = ["openssl", "cms", *map(str, arguments)]
    return subprocess.run(command, input=content, capture_output=True, check=False)


def signed(folder: Path, who: Authority, *more: str | Path) -> bytes:
    """Return a container that openssl has signed."""
    certificate, key = who.write(folder)
    done = run(
        *("-sign", "-binary", "-nodetach", "-outform", "DER", "-md", "sha256"),
        *("-signer", certificate, "-inkey", key, *more),
        content=CONTENT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def openssl_says(container: bytes) -> bool:
    """Say whether openssl finds digest and signature right, whoever signed."""
    done = run("-verify", "-inform", "DER", "-noverify", content=container)
    return done.returncode == 0


CURVES = [ec.SECP256R1(), ec.BrainpoolP256R1(), ec.SECP384R1(), ec.BrainpoolP384R1()]


@openssl
@pytest.mark.parametrize("curve", CURVES, ids=lambda c: c.name)
@pytest.mark.parametrize("options", [(), ("-noattr",), ("-keyid",)])
def test_what_openssl_signs(
    tmp_path: Path, curve: ec.EllipticCurve, options: tuple[str, ...]
) -> None:
    """With and without signed attributes, named by serial number or by key id."""
    who = Authority(f"{GATEWAY}.SIG", curve)
    container = signed(tmp_path, who, *options)
    found = open_signed(container)

    assert openssl_says(container)
    assert found.content == CONTENT
    assert found.intact
    assert found.names(GATEWAY)
    assert judge(found, GATEWAY, None) is Verdict.KNOWN
    assert judge(found, GATEWAY, found.key) is Verdict.KNOWN
    assert judge(found, GATEWAY, "00" * 32) is Verdict.UNKNOWN
    assert judge(found, "EPPC0210123457", None) is Verdict.UNKNOWN


@openssl
def test_another_key_with_a_chain(tmp_path: Path) -> None:
    """A new key is believed if a root of the owner's stands behind it."""
    root = Authority("Root", ec.SECP256R1())
    between = Authority("Sub-CA", ec.SECP256R1(), root)
    who = Authority(GATEWAY, ec.SECP256R1(), between)
    extra = tmp_path / "between.pem"
    extra.write_bytes(between.certificate.public_bytes(serialization.Encoding.PEM))
    found = open_signed(signed(tmp_path, who, "-certfile", extra))

    another = Authority("Root", ec.SECP256R1())
    assert judge(found, GATEWAY, "00" * 32, [root.certificate], NOW) is Verdict.KNOWN
    for roots, now in (
        ([], NOW),
        ([another.certificate], NOW),
        ([root.certificate], NOW + timedelta(days=800)),
    ):
        assert judge(found, GATEWAY, "00" * 32, roots, now) is Verdict.UNKNOWN
    assert judge(found, "EPPC0000000000", "00" * 32, [root.certificate], NOW) is (
        Verdict.UNKNOWN
    )


@openssl
def test_without_the_certificate(tmp_path: Path) -> None:
    """Nothing can be checked."""
    who = Authority(GATEWAY, ec.SECP256R1())
    found = open_signed(signed(tmp_path, who, "-nocerts"))

    assert found.signer is None
    assert judge(found, GATEWAY, None) is Verdict.BROKEN


@openssl
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_one_byte_changed(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever byte: what is called intact has the content that was signed.

    Some bytes around it, the version say, are not covered by the signature.
    """
    folder = tmp_path / "made"
    if not folder.exists():
        folder.mkdir()
        who = Authority(GATEWAY, ec.SECP256R1())
        (folder / "container").write_bytes(signed(folder, who))
    container = bytearray((folder / "container").read_bytes())
    # The content is most of it; what stands around it matters more.
    outside = st.integers(0, 80) | st.integers(len(CONTENT), len(container) - 1)
    place = data.draw(outside | st.integers(0, len(container) - 1))
    container[place] ^= data.draw(st.integers(1, 255))
    try:
        found = open_signed(bytes(container))
    except FileUnreadable:
        return
    if found.intact:
        assert found.content == CONTENT
    if found.content != CONTENT:
        assert judge(found, GATEWAY, None) is Verdict.BROKEN
        assert not openssl_says(bytes(container))


@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    """Unreadable, and nothing else."""
    try:
        found = open_signed(content)
    except FileUnreadable:
        return
    assert isinstance(found, Signed)
    assert not found.intact


@pytest.mark.parametrize(
    "content",
    [b"\x30\x80" * 50_000, b"\x30\x84\xff\xff\xff\xff", b"\xa0" * 100_000, b""],
)
def test_hostile(content: bytes) -> None:
    """Depth and lengths beyond reason."""
    with pytest.raises(FileUnreadable):
        open_signed(content)
