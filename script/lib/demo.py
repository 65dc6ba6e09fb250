"""The demo: simulated gateways, a real Home Assistant, everything set up; the past comes by itself."""

from __future__ import annotations

import argparse
import asyncio
from asyncio.subprocess import Process
import contextlib
from datetime import UTC, datetime
from pathlib import Path
import shutil
import signal
import sys

from energy import save_grid, statistic
from gateways import Gateway, GatewayError, start_gateway, table
from ha_client import BERLIN, HAClient, HAError
from ha_process import ROOT, HomeAssistant, port_is_free, prepare_config, stop
from household import (
    CONSUMPTION,
    FEED_IN,
    GRID_METER,
    SEED,
    Household,
    first_start,
    main_household,
    second_household,
)
from participant import add_participant, start_proxy

USER = PASSWORD = "demo"
CORE = {"location_name": "Demo home", **BERLIN}


class DemoError(Exception):
    """What failed and what to do, in one line."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="script/demo",
        description="A simulated PPC smart meter gateway, a market participant behind it, and a real Home Assistant that shows both. Ctrl-C stops everything.",
    )
    parser.add_argument(
        "--port", type=int, default=8123, help="port of Home Assistant (default: 8123)"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="CONFIG",
        help="use this config folder and go on with it next time (default: a fresh one each time)",
    )
    return parser.parse_args()


def config_folder(options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the config folder and the folder for logs."""
    work = ROOT / ".demo" / str(options.port)
    shutil.rmtree(work, ignore_errors=True)
    config: Path = (
        options.keep.expanduser().resolve() if options.keep else work / "config"
    )
    try:
        work.mkdir(parents=True)
        prepare_config(config, options.port)
    except OSError as err:
        raise DemoError(
            f"the config folder {config} cannot be written ({err.strerror}). Name another one with --keep"
        ) from err
    return config, work


async def add_gateway(ha: HAClient, gateway: Gateway) -> None:
    """Add the gateway through Home Assistant's own config flow, as a person would.

    One of a kept config folder is known already; the flow then takes over its address,
    if it was given another port this time.
    """
    await ha.add_integration(
        "smgw",
        {"host": gateway.address},
        {},
        {"next_step_id": "login"},
        {"username": gateway.user, "password": gateway.password},
        known="already_configured",
    )


async def fill_energy(ha: HAClient, gateway: Gateway) -> None:
    """Put the household's meter on the Energy dashboard, as the set-up tells its owner."""
    await save_grid(
        ha,
        *(
            statistic(gateway.gateway_id, GRID_METER, obis)
            for obis in (CONSUMPTION, FEED_IN)
        ),
    )


class Demo:
    """Everything that has to be stopped again."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Prepare the folders."""
        self.options = options
        self.config, self.work = config_folder(options)
        self.base = f"http://localhost:{options.port}"
        self.home = HomeAssistant(self.config, self.work / "hass.log")
        self.processes: list[Process] = []

    async def gateway(
        self, vendor: str, number: int, household: Household, *more: str
    ) -> Gateway:
        """Start a simulated gateway in front of a household.

        A kept config folder keeps its certificate, to which the entry is pinned.
        """
        meters = self.work / f"meters-{number}.json"
        household.write(meters, datetime.now(UTC))
        gateway = await start_gateway(
            vendor,
            8442 + number,
            self.work / f"gateway-{number}.log",
            *("--seed", str(SEED), "--meters", str(meters)),
            *("--certificate", str(self.config / f"gateway-{number}.pem"), *more),
        )
        self.processes.append(gateway.process)
        return gateway

    async def set_up(self) -> None:
        """Start the gateways, wait for Home Assistant and make it ready."""
        anchor = first_start(self.config)
        household = main_household(anchor)
        small = second_household(anchor)
        proxy = await start_proxy(self.config, self.work / "cls.log")
        self.processes.append(proxy.process)
        first, *others = await asyncio.gather(
            self.gateway("ppc", 1, household),
            self.gateway("ppc", 2, small, "--gateway-id", "EPPC0219876543"),
            self.gateway("theben", 3, small),
            self.gateway("emh", 4, small),
        )
        async with HAClient(self.base) as ha:
            await ha.wait_up()
            await ha.onboard(USER, PASSWORD, "en", CORE)
            known = {entry["title"] for entry in await ha.entries("smgw")}
            for gateway in (first, *others):
                # the others only if somebody has added them by hand
                if gateway is first or gateway.gateway_id in known:
                    await add_gateway(ha, gateway)
            (entry_id,) = (
                entry["entry_id"]
                for entry in await ha.entries("smgw")
                if entry["title"] == first.gateway_id
            )
            await add_participant(ha, entry_id, proxy, self.config)
            await fill_energy(ha, first)
        print(f"\nHome Assistant  {self.base}  user {USER}, password {PASSWORD}")
        print(f"Energy          {self.base}/energy\n\nSimulated gateways")
        print(
            table(
                [
                    ("added already", [first]),
                    (
                        "yours to add: Settings, Devices & services, Add integration",
                        others,
                    ),
                ]
            )
        )
        print(
            f"A market participant   {proxy.console}\n"
            "    dims the home, sets the switch, checks the receipts (script/emt does the same)"
        )
        print(
            f"\nLogs: {self.work}, {self.config}/home-assistant.log\nCtrl-C stops everything.",
            flush=True,
        )

    async def run(self) -> None:
        """Run until Home Assistant ends or somebody cancels."""
        home = asyncio.create_task(self.home.run())
        set_up = asyncio.create_task(self.set_up())
        try:
            await asyncio.wait({home, set_up}, return_when=asyncio.FIRST_COMPLETED)
            if not home.done():
                await set_up
            code = await home
            if code:
                raise DemoError(
                    f"Home Assistant ended with code {code}. See {self.work}/hass.log"
                )
        finally:
            for task in (home, set_up):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
            await asyncio.gather(self.home.stop(), *map(stop, self.processes))


async def run(options: argparse.Namespace) -> None:
    """Run the demo; SIGTERM ends it like Ctrl-C."""
    demo = asyncio.create_task(Demo(options).run())
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end() -> None:
        # a second Ctrl-C must not interrupt the stopping, which has a time limit of its own
        for sign in signals:
            loop.add_signal_handler(sign, lambda: None)
        print("\nstopping ...", flush=True)
        demo.cancel()

    for sign in signals:
        loop.add_signal_handler(sign, end)
    with contextlib.suppress(asyncio.CancelledError):
        await demo


def main() -> int:
    """Run the demo and say in one line what failed."""
    options = arguments()
    if not port_is_free(options.port):
        print(
            f"FAILED: port {options.port} is in use. Choose another one with --port, or end what uses it.",
            file=sys.stderr,
        )
        return 1
    print("Starting the gateways and Home Assistant ...", flush=True)
    try:
        asyncio.run(run(options))
    except DemoError as err:
        print(f"FAILED: {err}.", file=sys.stderr)
    except (HAError, GatewayError, OSError) as err:
        logs = ROOT / ".demo" / str(options.port)
        print(f"FAILED: {err}. The logs are in {logs}.", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
