"""The gateway's CLS proxy in this process: a JSON line for each JSON line.

`python -m bench.cls_gateway PKI`. `{"admit": [PROFILE, ...]}` lets homes in; any line is
answered with how many channels were ever opened and ended.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
import sys
from typing import Any

from simulator.cls.profiles import Profile
from simulator.cls.proxy import ClsGateway
from simulator.tunnel.pki import fingerprint

from .cls_pki import read_pki

CURVE = "prime256v1"


async def main(pki: Path) -> None:
    """Run until standard input ends."""
    gateway = ClsGateway(read_pki(pki), curve=CURVE)
    await gateway.start()
    _answer(
        host=gateway.host,
        port=gateway.socks_port,
        fingerprint=fingerprint(gateway.han.certificate.der),
    )
    while line := await asyncio.to_thread(sys.stdin.readline):
        for facts in json.loads(line).get("admit", ()):
            gateway.put(_profile(facts))
        journal = gateway.journal
        _answer(
            opened=len(journal.events("channel_open")),
            ended=len(journal.events("channel_closed")),
        )
    await gateway.stop()


def _profile(facts: dict[str, Any]) -> Profile:
    return Profile(
        key=facts["key"],
        cls=facts["cls"],
        scenario="socks",
        emt=facts["key"],
        name=facts["name"],
        port=facts["port"],
        address=(facts["address"][0], facts["address"][1]),
        emt_fingerprint=facts["fingerprint"],
    )


def _answer(**content: object) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
