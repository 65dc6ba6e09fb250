"""The connection doctor behind the login: accounts, meters, freshness, several logins."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smgw.const import CONF_INTERVAL
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.ppc.view import Account
from simulator.theben import ThebenGateway

from .by_certificate import KNOWING, STRANGER, by_certificate
from .conftest import START, Timeline, make_entry, set_up
from .test_config_flow import submit, to_login
from .test_coordinator import SETTLED, session_starts
from .test_doctor import ALL, FREE, check, outcomes, stops_at
from .test_logins import add


@pytest.fixture
def entry(gateway: PpcGateway) -> MockConfigEntry:
    """An entry that is read each hour."""
    return make_entry(gateway, **{CONF_INTERVAL: 60})


async def test_wrong_password(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """What was refused at the start is not sent again by the doctor, ever."""
    gateway.users[gateway.user] = Account("changed by the operator")
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    for _ in range(3):
        report = await check(hass, entry)
        stops_at(report, "login", "wrong_password")
        await timeline.pass_by(minutes=20)
    assert gateway.failed_logins == 1
    (hint,) = report["hints"]
    assert "several pairs" in hint
    assert "not sent to it again" in report["notes"][0]
    assert "letter" not in report
    assert gateway.password not in str(report)


@pytest.mark.parametrize(
    ("user", "password", "hint"),
    [
        ("EPPC0210123456", "secret", "gateway's number"),
        ("e ppc 02 10123456", "secret", "gateway's number"),
        ("ecpr0012345678.sm", "secret", "ends in .sm"),
        ("4711|ECPR0012345678|1234567890", "secret", "vertical bars"),
        ("1234567890", "secret.", "full stop"),
        ("1234567890 ", "secret", "blank"),
    ],
)
async def test_odd_accounts(
    hass: HomeAssistant,
    gateway: PpcGateway,
    user: str,
    password: str,
    hint: str,
) -> None:
    """What people mix up is named; the operator is not bothered with it."""
    gateway.user, gateway.password = user, password
    gateway.faults.add("refuse_200")
    entry = make_entry(gateway)
    await set_up(hass, entry)
    report = await check(hass, entry)
    stops_at(report, "login", "login_refused")
    (said,) = report["hints"]
    assert hint in said
    assert "letter" not in report


async def test_broken_account(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """The right account is refused: the operator gets a letter, in German."""
    gateway.faults.add("portal_error")
    await set_up(hass, entry)
    report = await check(hass, entry)
    stops_at(report, "login", "login_refused")
    letter = report["letter"]
    assert gateway.gateway_id in letter
    assert "20.11.2026 10:07" in letter
    assert "Anmeldung: fehlgeschlagen" in letter
    assert "Benutzerkonto" in letter
    assert "Dear Sir or Madam" in report["letter_translated"]
    for secret in (gateway.user, gateway.password):
        assert secret not in str(report["letter"])


async def test_in_german(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """The system's language is that of the answer; the letter then needs no translation."""
    hass.config.language = "de"
    gateway.faults.add("portal_error")
    await set_up(hass, entry)
    report = await check(hass, entry)
    assert report["sentence"].startswith(
        "Es endet beim Schritt „Anmeldung“: Das Gateway hat die Anmeldung abgelehnt."
    )
    assert report["letter"].startswith("Betreff: ")
    assert "letter_translated" not in report


async def test_locked(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """While it counts down nothing is sent; the rest of the countdown is shown."""
    timeline.jump(FREE)
    gateway.faults.add("locked", seconds=277)
    stops_at(await check(hass, loaded), "login", "portal_locked")
    gateway.clear_requests()
    await timeline.pass_by(seconds=67)
    report = await check(hass, loaded)
    stops_at(report, "login", "portal_locked")
    assert "3:30 minutes" in report["sentence"]
    assert "2026-11-20 10:26" in report["notes"][0]
    assert {r.action for r in gateway.requests} == {None}
    assert {r.status for r in gateway.requests} <= {200, 401}


async def test_session_in_use(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Somebody sits at the browser; the set-up has found out, so nothing is tried."""
    gateway.faults.add("session_in_use")
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    logins = len(session_starts(gateway))
    report = await check(hass, entry)
    stops_at(report, "login", "session_in_use")
    # one more challenge: the question without an account
    assert len(session_starts(gateway)) == logins + 1
    assert report["steps"][4]["session"] == "2026-11-20T10:07:00+01:00"
    assert report["notes"]


async def test_recovered_before_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway, timeline: Timeline
) -> None:
    """One session tells that all is well, and is all that the waiting entry needs."""
    gateway.faults.add("tls_close")
    assert not await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    gateway.faults.clear()
    gateway.clear_requests()
    report = await check(hass, entry)
    assert report["verdict"] == "works"
    assert outcomes(report) == dict.fromkeys(ALL, "ok")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert [r.action for r in gateway.requests].count("logout") == 1
    assert gateway.open_sessions == 0


async def test_failure_of_the_gateway(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A session that fails for an entry that is not loaded: the set-up leaves it alone."""
    gateway.faults.add("tls_close")
    assert not await set_up(hass, entry)
    gateway.faults.clear()
    gateway.faults.add("session_in_use")
    stops_at(await check(hass, entry), "login", "session_in_use")
    gateway.clear_requests()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert gateway.requests == []


async def test_account_without_meters(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """A failure of the account's own, of an entry that is not loaded."""
    gateway.faults.add("tls_close")
    assert not await set_up(hass, entry)
    gateway.faults.clear()
    gateway.faults.add("no_meters")
    stops_at(await check(hass, entry), "meters", "no_meter")


async def test_judged_by_an_earlier_run(
    hass: HomeAssistant, loaded: MockConfigEntry, gateway: PpcGateway
) -> None:
    """Of an entry that is not loaded the last good session is known."""
    await hass.config_entries.async_set_disabled_by(
        loaded.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    gateway.clear_requests()
    report = await check(hass, loaded)
    assert report["verdict"] == "works"
    assert report["steps"][4]["session"] == "2026-11-20T10:07:00+01:00"
    assert [request.status for request in gateway.requests] == [401]


async def test_login_by_certificate(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock
) -> None:
    """A certificate that the gateway knows, and one that it does not."""
    with PpcGateway(clock=clock, **KNOWING) as gateway:
        good = by_certificate(gateway)
        await set_up(hass, good)
        assert (await check(hass, good))["verdict"] == "works"
        await hass.config_entries.async_remove(good.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)

        entry = by_certificate(gateway, STRANGER)
        await set_up(hass, entry)
        report = await check(hass, entry)
    stops_at(report, "login", "client_certificate_unknown")
    assert report["hints"] == []
    assert "Client-Zertifikat" in report["letter"]
    assert "BEGIN" not in str(report)


async def test_password_refused_by_the_doctor(
    hass: HomeAssistant, entry: MockConfigEntry, gateway: PpcGateway
) -> None:
    """What the doctor learns of an account, the set-up knows."""
    gateway.faults.add("tls_close")
    assert not await set_up(hass, entry)
    gateway.faults.clear()
    gateway.users[gateway.user] = Account("changed by the operator")
    stops_at(await check(hass, entry), "login", "wrong_password")
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert gateway.failed_logins == 1


@pytest.mark.parametrize(
    ("fault", "verdict", "letter"),
    [
        ("no_meters", "no_meter", "kein Zähler zugeordnet"),
        ("no_values", "no_readings", "keinem der angezeigten Zähler"),
        ("truncated_list", "page_unreadable", None),
    ],
)
async def test_meters(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
    fault: str,
    verdict: str,
    letter: str | None,
) -> None:
    """The login works, but there is nothing behind it."""
    if fault == "truncated_list":
        gateway.faults.add("truncated", action="meterform")
    else:
        gateway.faults.add(fault)
    timeline.jump(FREE)
    report = await check(hass, loaded)
    stops_at(report, "meters", verdict)
    assert ("letter" in report) is (letter is not None)
    if letter:
        assert letter in report["letter"]


async def test_stale_readings(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """Everything answers, but the values stand still."""
    await timeline.go_to(START.replace(hour=10, minute=0) + SETTLED)
    gateway.faults.add("han_hang")
    for hour in (12, 14, 16):
        await timeline.go_to(START.replace(hour=hour, minute=0) + SETTLED)
    report = await check(hass, loaded)
    stops_at(report, "freshness", "readings_stale")
    assert "no reading newer than 2026-11-" in report["sentence"]
    assert "seit" in report["letter"]


async def test_wrong_clock(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    gateway: PpcGateway,
    clock: SimClock,
    timeline: Timeline,
) -> None:
    """The gateway's time and ours are not the same."""
    timeline.jump(FREE)
    clock.set(FREE + timedelta(minutes=12))
    report = await check(hass, loaded)
    stops_at(report, "freshness", "clock_wrong")
    assert "12 minutes apart" in report["sentence"]


@pytest.fixture
def two_accounts(socket_enabled: None, clock: SimClock) -> Generator[PpcGateway]:
    """A gateway with an account for each of two meters."""
    with PpcGateway(
        clock=clock,
        users={"gas": Account("three", frozenset({"7els0045678901"}))},
    ) as running:
        yield running


async def test_one_login_of_two_fails(
    hass: HomeAssistant, two_accounts: PpcGateway, timeline: Timeline
) -> None:
    """The one that fails is named; the other one's steps are good."""
    entry = make_entry(two_accounts)
    await set_up(hass, entry)
    await add(hass, entry, username="gas", password="three", name="Gas")
    two_accounts.users["gas"] = Account("changed", frozenset({"7els0045678901"}))
    for quarters in range(1, 4):
        await timeline.go_to(
            START.replace(minute=15) + quarters * timedelta(minutes=15) + SETTLED
        )
    report = await check(hass, entry)
    assert (report["verdict"], report["stopped_at"]) == ("wrong_password", "login")
    assert "of the login “Gas”" in report["sentence"]
    by_login = {
        login: [
            step["outcome"] for step in report["steps"] if step.get("login") == login
        ]
        for login in (two_accounts.user, "Gas")
    }
    assert by_login == {
        two_accounts.user: ["ok", "ok", "ok"],
        "Gas": ["failed", "skipped", "skipped"],
    }
    assert two_accounts.failed_logins == 1


@pytest.fixture(params=[ThebenGateway, EmhGateway], ids=["theben", "emh"])
def box(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway of each other maker."""
    with request.param(clock=clock) as running:
        yield running


async def test_other_makers(hass: HomeAssistant, box: Any, timeline: Timeline) -> None:
    """All steps of a gateway with a JSON interface, good and bad."""
    flow = await to_login(hass, box)
    result = await submit(hass, flow, username=box.user, password=box.password)
    await hass.async_block_till_done(wait_background_tasks=True)
    entry = result["result"]
    timeline.jump(FREE)
    report = await check(hass, entry)
    assert outcomes(report) == dict.fromkeys(ALL, "ok")
    for fault, step, verdict in (
        ("tls_close", "tls", "tls_failed"),
        ("certificate_swapped", "certificate", "certificate_changed"),
        ("nat_host", "http", "host_refused"),
        ("other_web_server", "http", "not_a_gateway"),
    ):
        box.faults.add(fault)
        stops_at(await check(hass, entry), step, verdict)
        box.faults.clear()
    for fault, step, verdict in (
        ("no_meters", "meters", "no_meter"),
        ("fatal_status", "meters", "no_readings"),
        ("stale_values", "freshness", "readings_stale"),
    ):
        box.faults.add(fault)
        for _ in range(3):
            await timeline.pass_by(hours=1)
        stops_at(await check(hass, entry), step, verdict)
        box.faults.clear()
        await timeline.pass_by(hours=1)
    assert (await check(hass, entry))["verdict"] == "works"


async def test_contracts_ended(
    hass: HomeAssistant, socket_enabled: None, clock: SimClock, timeline: Timeline
) -> None:
    """A Theben says itself that all contracts are over."""
    with ThebenGateway(clock=clock) as box:
        flow = await to_login(hass, box)
        result = await submit(hass, flow, username=box.user, password=box.password)
        await hass.async_block_till_done(wait_background_tasks=True)
        box.faults.add("contracts_expired")
        await timeline.go_to(START + timedelta(days=2))
        report = await check(hass, result["result"])
        stops_at(report, "meters", "contracts_ended")
        assert "Profile des Kontos sind beendet" in report["letter"]
