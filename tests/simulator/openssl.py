"""OpenSSL's own client against a gateway."""

import subprocess

from simulator.box import BoxGateway
from simulator.ppc import PpcGateway


def s_client(gateway: BoxGateway | PpcGateway, *options: str) -> str:
    """Return what OpenSSL's client says of a handshake."""
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"{gateway.host}:{gateway.port}"),
            *options,
        ],
        input=b"",
        capture_output=True,
        timeout=20,
        check=False,
    )
    return done.stdout.decode()
