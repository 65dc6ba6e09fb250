"""The gateway of an apartment house; its clock goes as it is told, one ISO time a line.

`python -m bench.flats_gateway MAKER FLATS START`
"""

from __future__ import annotations

from datetime import datetime
import json
import sys

from simulator.apartments import accounts, apartments
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

_KINDS = {"ppc": PpcGateway, "theben": ThebenGateway, "emh": EmhGateway}


def main(maker: str, flats: int, start: datetime) -> None:
    """Run until standard input ends."""
    clock = SimClock(start)
    users = accounts(flats)
    with _KINDS[maker](clock=clock, scenario=apartments(flats), users=users) as gateway:
        _answer(
            host=gateway.host,
            port=gateway.port,
            gateway_id=gateway.gateway_id,
            certificate=gateway.certificate_pem,
            accounts=[(user, account.password) for user, account in users.items()],
        )
        for line in sys.stdin:
            gateway.clear_requests()
            clock.set(datetime.fromisoformat(line.strip()))
            _answer(sessions=gateway.logins)


def _answer(**content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
