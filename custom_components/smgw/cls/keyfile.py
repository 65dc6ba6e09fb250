"""Hands a private key to Python's `ssl`, which reads keys from files only."""

from pathlib import Path
from secrets import token_urlsafe
import ssl
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from .errors import ChannelError
from .identity import Identity
from .reasons import ChannelReason


def load(context: ssl.SSLContext, own: Identity) -> None:
    """Let a context show our certificate. Blocks: it writes and reads a file. Raises ChannelError.

    Only we may read the file, it is gone at once, and the key in it is encrypted with a password
    that nobody keeps.
    """
    password = token_urlsafe(32).encode()
    try:
        key = load_pem_private_key(own.key.encode(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
        )
        with TemporaryDirectory(prefix="smgw-") as folder:
            path = Path(folder, "own.pem")
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(own.certificate.encode() + key)
            context.load_cert_chain(path, password=password)
    except (ssl.SSLError, ValueError, TypeError, OSError) as err:
        raise ChannelError(ChannelReason.OWN_UNUSABLE, type(err).__name__) from None
