"""The apartment house: many accounts, each with its own meters."""

from decimal import Decimal

from simulator.apartments import FLATS, accounts, apartments

from .client import HanClient
from .conftest import Connect, Start


def test_each_flat_sees_its_own(start: Start, connect: Connect) -> None:
    """Five meters of four registers each, and nobody else's."""
    gateway = start(scenario=apartments(), users=accounts())
    assert len(gateway.scenario.meters) == 5 * FLATS
    seen: list[str] = []
    for user, account in list(accounts().items())[:3]:
        client: HanClient = connect(gateway, user=user, password=account.password)
        client.login()
        names = client.meters()
        assert len(names) == 5
        seen += names
        client.post("logout")
    assert len(set(seen)) == 15


def test_registers_of_a_flat(start: Start) -> None:
    """Each meter counts for itself."""
    gateway = start(scenario=apartments(2), users=accounts(2))
    now = gateway.clock.now()
    values = {
        gateway.true_register(meter.id, "1-0:1.8.0", now)
        for meter in gateway.scenario.meters
    }
    assert len(values) == 10
    assert min(values) >= Decimal(100)
