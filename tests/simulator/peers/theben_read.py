"""Read a gateway with the published client theben-conexa-smgw; print JSON.

Run in an environment of its own: HOST:PORT USER PASSWORD
"""

import asyncio
from dataclasses import asdict
import json
import sys
from typing import Any

import aiohttp
from theben_conexa_smgw import ConexaSMGW


async def read(host: str, user: str, password: str) -> dict[str, Any]:
    """Log in and read everything the client can read."""
    async with aiohttp.ClientSession() as session:
        client = await ConexaSMGW.create(session, host, user, password)
        values = await client.getLatestValues()
        info = client.gatewayInfo
        return {
            "info": asdict(info) if info is not None else None,
            "values": {obis: asdict(value) for obis, value in values.items()},
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(read(*sys.argv[1:])), default=str))
