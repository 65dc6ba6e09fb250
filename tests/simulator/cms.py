"""Opens a signed export with the openssl program."""

from pathlib import Path
import subprocess
from xml.etree import ElementTree as ET

GENERIC = "{urn:k461-dke-de:profile_generic-1}"
EXTENSION = "{urn:k461-dke-de:extension-1}"


def verified(body: bytes, folder: Path) -> bytes:
    """Return the content of a container whose signature is good."""
    path = folder / "export.cms"
    path.write_bytes(body)
    done = subprocess.run(
        [
            *("openssl", "cms", "-verify", "-inform", "DER", "-noverify"),
            *("-binary", "-in", str(path)),
        ],
        capture_output=True,
        check=True,
        timeout=20,
    )
    return done.stdout


def parsed(body: bytes, folder: Path) -> ET.Element:
    """Return the XML of a container; comments stay."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314
    return ET.fromstring(verified(body, folder), parser)  # noqa: S314
