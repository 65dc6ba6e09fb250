"""What every driver can do, and which driver reads which maker's gateways."""

from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, runtime_checkable

from . import emh, ids, ppc, ppc_session, theben
from .errors import InvalidGatewayId, SmgwError, UnsupportedVendor
from .history import HistorySession, Visit
from .model import Account, Snapshot
from .transport import Transport


class Driver(Protocol):
    """Reads one gateway.

    Whatever awaits takes its turn in the gateway's queue, logs out whatever happens,
    and raises nothing but `SmgwError`.
    """

    async def check(self) -> None:
        """See, without any credentials, that the consumer interface answers."""

    async def read_latest(self, account: Account) -> Snapshot:
        """Log in, read the newest value of every register, log out."""

    def visit(self, account: Account) -> AbstractAsyncContextManager[Visit]:
        """Log in, read the newest value of every register, and keep the session open."""

    def recall(self, account: Account, snapshot: Snapshot) -> None:
        """Take what an account saw in an earlier run as the readings before.

        So what contradicts them is not believed right after a restart either.
        """

    def history(self, account: Account) -> AbstractAsyncContextManager[HistorySession]:
        """Open a session for what the gateway keeps, one slice after the other."""


@runtime_checkable
class SelfTesting(Protocol):
    """What the driver of a gateway can do that has a self-test."""

    async def self_test(self, account: Account) -> None:
        """Have the gateway test itself, which restarts it: it is away for minutes.

        Raises `SelfTestLocked` where it is too soon, like a `Driver` for the rest.
        """


type DriverFactory = Callable[
    [Transport, MutableMapping[str, Any], Callable[[], datetime]], Driver
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A maker of gateways and how to treat them."""

    flag: str
    """FLAG letters: characters 2 to 4 of the gateway id."""
    name: str
    model: str
    path: str
    """Where a browser finds the consumer interface."""
    driver: DriverFactory
    floor: timedelta
    """Sessions nearer to each other than this harm the gateway."""
    per_hour: int | None = None
    """Sessions it bears in any hour; None where it keeps no sessions."""
    live_floor: timedelta | None = None
    """The floor while it delivers values of this moment; None if it never does."""


VENDORS = {
    vendor.flag: vendor
    for vendor in (
        Vendor(
            flag="PPC",
            name="Power Plus Communications",
            model="Smart Meter Gateway",
            path=ppc_session.PATH,
            driver=ppc.PpcDriver,
            # It reads its meters every 900 s, and consumer interfaces polled every
            # 5 to 10 min died within two weeks (observed).
            floor=timedelta(minutes=15),
            per_hour=4,
        ),
        Vendor(
            flag="THE",
            name="Theben",
            model="CONEXA 3.0",
            path="/",
            driver=theben.ThebenDriver,
            # New values each quarter hour; asking sooner brings nothing (observed).
            floor=timedelta(minutes=15),
            per_hour=4,
        ),
        Vendor(
            flag="EMH",
            name="EMH metering",
            model="CASA 1.1",
            path="/",
            driver=emh.EmhDriver,
            # Live ones bear being asked each minute (observed); not all are live.
            floor=timedelta(minutes=15),
            live_floor=timedelta(minutes=1),
        ),
    )
}


def vendor_of(gateway_id: str) -> Vendor:
    """Return the maker of a gateway. Raises `UnsupportedVendor`."""
    try:
        return VENDORS[ids.flag(gateway_id)]
    except KeyError:
        raise UnsupportedVendor(gateway_id) from None


def entered_id(text: str) -> str:
    """Return the gateway id somebody has copied from the device.

    Raises `InvalidGatewayId`, `UnsupportedVendor`.
    """
    if (gateway_id := ids.gateway_id(text)) is None:
        raise InvalidGatewayId("not a gateway's number")
    vendor_of(gateway_id)
    return gateway_id


async def answers_like_a_gateway(way: Transport, gateway_id: str | None) -> bool:
    """Say whether this gateway's interface answers, or any maker's; without an account."""
    vendors = [vendor_of(gateway_id)] if gateway_id else VENDORS.values()
    for vendor in vendors:
        with suppress(SmgwError):
            await vendor.driver(way, {}, partial(datetime.now, UTC)).check()
            return True
    return False
