"""The doctor's steps, one by one: what each says, and that it waits for its turn."""

import asyncio
from datetime import timedelta
from ipaddress import ip_address, ip_interface

import pytest

from custom_components.smgw.han import errors
from custom_components.smgw.han.address import Address
from custom_components.smgw.han.certificate import read_certificate
from custom_components.smgw.han.doctor import (
    SESSION,
    WAY,
    Cause,
    Doctor,
    Finding,
    Outcome,
    Step,
    Subnet,
    failure,
    judge,
    subnet,
)
from custom_components.smgw.han.driver import vendor_of
from custom_components.smgw.han.errors import SmgwError
from custom_components.smgw.han.model import Credentials
from custom_components.smgw.han.transport import Transport
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.tls import Certificate, self_signed

from .helpers import IMPATIENT, START, Reader, Simulated, transport_to

HOURS = timedelta(hours=2)
OWN = [ip_interface("127.0.0.1/8"), ip_interface("fd00::2/64")]


def doctor_for(
    gateway: Simulated,
    transport: Transport | None = None,
    pin: bytes | None = None,
    patience: float | None = None,
) -> Doctor:
    """Return a doctor for a gateway, or for what else is at its place."""
    transport = transport or transport_to(gateway)
    driver = vendor_of(gateway.gateway_id).driver(transport, {}, gateway.clock.now)
    pinned = read_certificate(pin or gateway.certificate_der, gateway.gateway_id)
    return Doctor(transport, pinned, driver, OWN, patience=patience)


def ends(findings: list[Finding]) -> list[str]:
    """Return how the steps ended."""
    return [finding.outcome.value for finding in findings]


async def test_walk(gateway: PpcGateway) -> None:
    """All steps are good, nothing was logged in to, and each has its time."""
    findings = await doctor_for(gateway).walk()
    assert [finding.step for finding in findings] == list(WAY)
    assert ends(findings) == ["ok"] * 4
    assert all(f.seconds is not None and f.seconds >= 0 for f in findings)
    assert findings[0].facts == {"subnet": Subnet.SAME}
    assert [request.status for request in gateway.requests] == [401]


async def test_busy_gateway(gateway: PpcGateway) -> None:
    """Who has little time does not wait for a session to end; nothing is sent."""
    transport = transport_to(gateway)
    async with transport.queue:
        findings = await doctor_for(gateway, transport, patience=0.05).walk()
    assert ends(findings) == ["failed", "skipped", "skipped", "skipped"]
    found = failure(findings)
    assert found and found.cause and found.cause.key == "gateway_busy"
    assert gateway.requests == []


async def test_waits_for_its_turn(gateway: PpcGateway) -> None:
    """Who has time waits: to some gateways a second connection is one too many."""
    transport = transport_to(gateway)
    async with transport.queue:
        walk = asyncio.create_task(doctor_for(gateway, transport).walk())
        await asyncio.sleep(0.1)
        assert not walk.done()
    assert ends(await walk) == ["ok"] * 4


async def test_closed_port(gateway: PpcGateway) -> None:
    """A step that fails has its time as well."""
    transport = Transport(Address("127.0.0.1", 1), gateway.gateway_id, b"", IMPATIENT)
    findings = await doctor_for(gateway, transport).walk()
    found = failure(findings)
    assert found and found.cause and found.cause.key == "connection_refused"
    assert found.seconds is not None


@pytest.mark.parametrize(
    ("pinned", "shown", "key"),
    [
        ("EPPC0210123456", "EPPC0210123456", "certificate_changed"),
        ("EPPC0210123456", "EPPC0299999999", "other_gateway"),
        ("EPPC0210123456", "fritz.box", "not_a_gateway"),
        ("smgw.local", "smgw.local", "certificate_changed"),
    ],
)
async def test_strangers(
    gateway: PpcGateway, pinned: str, shown: str, key: str
) -> None:
    """Who shows another certificate than the pinned one."""
    certificate: Certificate = self_signed(shown)
    with PpcGateway(certificate=certificate) as stranger:
        findings = await doctor_for(
            gateway, transport_to(stranger), self_signed(pinned).der
        ).walk()
        assert stranger.requests == []
    found = failure(findings)
    assert found and found.cause
    assert (found.step, found.cause.key) == (Step.CERTIFICATE, key)


async def test_emh_names_another_gateway(socket_enabled: None) -> None:
    """The certificate says nothing, but the challenge does."""
    certificate = self_signed("smgw.local")
    with EmhGateway(certificate=certificate, gateway_id="EEMH0099999999") as box:
        transport = Transport(
            Address(box.host, box.port), "EEMH0012345678", certificate.der, IMPATIENT
        )
        findings = await doctor_for(box, transport).walk()
    found = failure(findings)
    assert found and found.cause
    assert (found.step, found.cause.key) == (Step.HTTP, "wrong_gateway")


@pytest.mark.parametrize(
    ("target", "own", "result"),
    [
        ("192.168.1.200", "192.168.1.5/24", Subnet.SAME),
        ("192.168.1.200", "192.168.178.5/24", Subnet.OTHER),
        ("192.168.1.200", "192.168.178.5/16", Subnet.SAME),
        ("192.168.1.200", "fd00::5/64", Subnet.OTHER),
        ("fe80::1%eth0", "fe80::5/64", Subnet.SAME),
        ("192.168.1.200", None, Subnet.UNKNOWN),
        (None, "192.168.1.5/24", Subnet.UNKNOWN),
    ],
)
def test_subnet(target: str | None, own: str | None, result: Subnet) -> None:
    """Our own masks tell whether the gateway is next door."""
    targets = [ip_address(target)] if target else []
    assert subnet(targets, [ip_interface(own)] if own else []) is result


def kinds(kind: type[SmgwError] = SmgwError) -> list[type[SmgwError]]:
    """Return all errors of the client."""
    return [kind, *(k for child in kind.__subclasses__() for k in kinds(child))]


def test_every_error_has_its_step() -> None:
    """An error is a login's or the meters', or it says nothing of an account."""
    steps = {
        kind.key: found.step if (found := failure(judged)) else None
        for kind in kinds()
        for judged in [judge(START, None, Cause(key=kind.key), HOURS)]
    }
    assert {key for key, step in steps.items() if step is None} == {
        "certificate_changed",
        "connection_refused",
        "host_not_found",
        "interface_missing",
        "renegotiation_refused",
        "tls_failed",
        "unreachable",
    }
    assert {key for key, step in steps.items() if step is Step.METERS} >= {
        "no_meter",
        "contracts_ended",
        "page_unreadable",
    }
    assert {key for key, step in steps.items() if step is Step.LOGIN} >= {
        "wrong_password",
        "login_refused",
        "portal_locked",
        "session_in_use",
        "answer_timeout",
    }


def test_nothing_known() -> None:
    """Without a session there is nothing to judge."""
    assert ends(judge(None, None, None, HOURS)) == ["skipped"] * len(SESSION)


async def test_good_session(reader: Reader) -> None:
    """Login, meters and freshness of what a session has seen."""
    snapshot = await reader.read()
    findings = judge(START, snapshot, None, HOURS)
    assert ends(findings) == ["ok"] * 3
    assert findings[1].facts == {"meters": 2, "registers": 5, "skipped": 0}
    assert findings[2].facts["age_minutes"] == 6
    assert findings[2].facts["clock_offset_seconds"] == 0


@pytest.mark.parametrize(
    ("minutes", "key"), [(4, None), (10, "clock_wrong"), (-10, "clock_wrong")]
)
async def test_clocks(
    gateway: PpcGateway, clock: SimClock, minutes: int, key: str | None
) -> None:
    """A clock that is off is named before the readings that seem old by it."""
    driver = vendor_of(gateway.gateway_id).driver(
        transport_to(gateway), {}, lambda: START
    )
    clock.set(START + timedelta(minutes=minutes))
    account = Credentials(user=gateway.user, password=gateway.password)
    snapshot = await driver.read_latest(account)
    found = failure(judge(START, snapshot, None, timedelta(0)))
    assert found and found.cause
    assert found.cause.key == (key or "readings_stale")


async def test_old_readings(gateway: PpcGateway, reader: Reader) -> None:
    """The clock runs, the values stand."""
    gateway.faults.add("han_hang", age_hours=5)
    found = failure(judge(START, await reader.read(), None, HOURS))
    assert found and found.cause
    assert (found.step, found.cause.key) == (Step.FRESHNESS, "readings_stale")
    assert found.outcome is Outcome.FAILED


def test_causes_hold_no_secret() -> None:
    """The key and the variables of the error, nothing else."""
    cause = Cause.of(errors.PortalLocked(timedelta(minutes=4)))
    assert cause.key == "portal_locked"
    assert cause.placeholders == {"remaining": "4:00"}
