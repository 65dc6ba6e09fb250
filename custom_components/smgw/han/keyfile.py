"""Hands a private key to Python's `ssl`, which reads keys from files only."""

import os
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

from .errors import ClientKeyUnusable, NoTemporaryFile
from .model import ClientCertificate


def load(context: ssl.SSLContext, account: ClientCertificate) -> None:
    """Let a context log in by certificate. Blocks: it writes and reads a file.

    Only we may read the file, it is gone at once, and the key in it is encrypted with
    a password that nobody keeps: what a crash left behind would tell nothing. Raises
    `ClientKeyUnusable` and `NoTemporaryFile`.
    """
    password = token_urlsafe(32).encode()
    try:
        content = account.certificate.encode() + _encrypted(account.key, password)
        with TemporaryDirectory(prefix="smgw-") as folder:
            path = Path(folder, "client.pem")
            # Made for us alone, not first for all and then closed.
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(content)
            context.load_cert_chain(path, password=password)
    except (ssl.SSLError, ValueError, TypeError) as err:
        raise ClientKeyUnusable(type(err).__name__) from None
    except OSError as err:
        raise NoTemporaryFile(os.strerror(err.errno or 0)) from err


def _encrypted(key: str, password: bytes) -> bytes:
    return load_pem_private_key(key.encode(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
    )
