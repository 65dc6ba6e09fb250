"""What the tests of the client share: times, limits, a driver."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP
from typing import Any

import pytest

from custom_components.smgw.han.address import Address, parse_address
from custom_components.smgw.han.driver import vendor_of
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.han.model import Credentials, Snapshot
from custom_components.smgw.han.probe import look
from custom_components.smgw.han.transport import Timeouts, Transport
from simulator.box import BoxGateway
from simulator.ppc import PpcGateway

type Simulated = PpcGateway | BoxGateway

# A winter morning: 10:07 in Berlin, the newest reading is of 10:00.
START = datetime(2026, 11, 20, 9, 7, tzinfo=UTC)
WRONG = "Falsches#Wort"
STAIRWELL, HOUSE = "1ESY0060178981", "1EMH0012345678"
# Long enough for a busy machine, short enough to wait for.
QUICK = Timeouts(connect=5, answer=10, farewell=5)
IMPATIENT = Timeouts(connect=0.3, answer=2, farewell=0.3)


def transport_to(gateway: Simulated, timeouts: Timeouts = QUICK) -> Transport:
    """Return a way to a simulated gateway, with its certificate pinned."""
    return Transport(
        Address(gateway.host, gateway.port),
        gateway.gateway_id,
        gateway.certificate_der,
        timeouts,
    )


@dataclass
class Reader:
    """The maker's driver of a simulated gateway, with what it remembers."""

    gateway: Simulated
    timeouts: Timeouts = QUICK
    memory: MutableMapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the driver."""
        self.driver = vendor_of(self.gateway.gateway_id).driver(
            transport_to(self.gateway, self.timeouts),
            self.memory,
            self.gateway.clock.now,
        )
        self.credentials = Credentials(
            user=self.gateway.user, password=self.gateway.password
        )

    async def read(self) -> Snapshot:
        """Read with the right password."""
        return await self.driver.read_latest(self.credentials)

    async def read_as(self, user: str, password: str) -> Snapshot:
        """Read with another account."""
        return await self.driver.read_latest(Credentials(user=user, password=password))

    async def read_wrong(self) -> Snapshot:
        """Read with a wrong password."""
        return await self.read_as(self.gateway.user, WRONG)

    async def fails(self, error: type[SmgwError], *, wrong: bool = False) -> SmgwError:
        """Read; what comes of it must be an error of exactly this class."""
        with pytest.raises(SmgwError) as caught:
            await (self.read_wrong() if wrong else self.read())
        assert type(caught.value) is error
        return caught.value

    @property
    def actions(self) -> list[tuple[str | None, int]]:
        """Return action and status of what the gateway was asked, then forget it."""
        seen = [(r.action, r.status) for r in self.gateway.requests]
        self.gateway.clear_requests()
        return seen


async def read_at(gateway: Simulated, typed: str) -> Snapshot:
    """Look at a gateway and read it, at an address as people type it."""
    address = parse_address(typed)
    certificate = await look(address, QUICK)
    assert certificate.der == gateway.certificate_der
    driver = vendor_of(certificate.gateway_id).driver(
        Transport(address, certificate.gateway_id, certificate.der, QUICK),
        {},
        gateway.clock.now,
    )
    await driver.check()
    return await driver.read_latest(
        Credentials(user=gateway.user, password=gateway.password)
    )


def truths(snapshot: Snapshot, gateway: Simulated) -> None:
    """Check every reading of a snapshot against what the gateway's meters hold.

    Momentary values are the truth rounded to the digits they have.
    """
    for meter in snapshot.meters.values():
        for obis, reading in meter.readings.items():
            true = gateway.true_register(
                meter.meter_id.lower(), obis, reading.capture_time
            )
            if not reading.register.obis.counts_up:
                true = true.quantize(reading.value, ROUND_HALF_UP)
            assert reading.value == true, f"{meter.meter_id} {obis}"
