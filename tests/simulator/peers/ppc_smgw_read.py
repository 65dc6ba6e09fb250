"""Read a gateway with the published client py-ppc-smgw; print JSON.

Run in an environment of its own: URL USER PASSWORD FROM TO
"""

import asyncio
import json
import logging
import sys
from typing import Any

import httpx  # noqa: TID251
from py_ppc_smgw import PPCSMGWClient


def obis_text(obis: object) -> str:
    """Return A-B:C.D.E."""
    parts = [getattr(obis, name) for name in "abcde"]
    return "{}-{}:{}.{}.{}".format(*parts)


async def read(
    url: str, user: str, password: str, begin: str, end: str
) -> dict[str, Any]:
    """Log in, read everything the client can read, log out."""
    result: dict[str, Any] = {"meters": {}}
    async with (
        httpx.AsyncClient(verify=False) as http,
        PPCSMGWClient(
            host=url,
            username=user,
            password=password,
            httpx_client=http,
            logger=logging.getLogger("peer"),
        ) as client,
    ):
        versions = await client.get_firmware_versions()
        result["versions"] = {v.component: v.version for v in versions}
        for meter in await client.get_meters():
            readings = await client.get_meter_reading(meter)
            history = await client.export_meter_values(meter, begin, end)
            profile = await client.get_meter_profile(meter)
            result["meters"][meter.name] = {
                "readings": {
                    obis_text(o): [r.value, r.timestamp.isoformat()]
                    for o, r in readings.items()
                },
                "history": [
                    [
                        obis_text(e.obis),
                        e.value,
                        e.scaler,
                        e.unit,
                        e.status,
                        e.capture_time.isoformat(),
                    ]
                    for e in history
                ],
                "interval": profile.samplerate_s,
                "captured": [obis_text(o) for o in profile.captured_obis],
            }
    return result


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(read(*sys.argv[1:]))))
