"""The mock PKI of the WAN, shared by the gateway's process and the participants'."""

from __future__ import annotations

import json
from pathlib import Path

from simulator.tls import Certificate
from simulator.tunnel.pki import MockPki


class SharedPki(MockPki):
    """The one that another process has made."""

    def __init__(self, root: Certificate, sub: Certificate) -> None:
        """Take both keys instead of making new ones."""
        self.root = root
        self.sub = sub


def write_pki(path: Path) -> None:
    """Make a PKI and keep it in a file."""
    pki = MockPki()
    kept = {"root": _text(pki.root), "sub": _text(pki.sub)}
    path.write_text(json.dumps(kept), encoding="ascii")


def read_pki(path: Path) -> MockPki:
    """Return the PKI of a file."""
    kept = json.loads(path.read_text(encoding="ascii"))
    return SharedPki(
        Certificate.from_pem(kept["root"]), Certificate.from_pem(kept["sub"])
    )


def _text(certificate: Certificate) -> str:
    return certificate.pem + certificate.key_pem
