"""What one poll asks of a gateway, and what it tells."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.smgw.han.errors import NotAGateway, PortalLocked, SmgwError
from custom_components.smgw.han.model import Credentials
from simulator.clock import SimClock
from simulator.ppc import SCENARIOS, Account, PpcGateway

from .helpers import HOUSE, STAIRWELL, START, Reader, truths

CHALLENGE = (None, 401)
WELCOME = [CHALLENGE, (None, 200), ("meterform", 200)]
BY_POST = [("meterform", 401), ("meterform", 200)]
PROFILE, LOGOUT = ("showMeterProfile", 200), ("logout", 200)


@pytest.mark.parametrize(("scenario", "meters"), [("one", 1), ("two", 2), ("house", 5)])
async def test_requests(
    socket_enabled: None, clock: SimClock, scenario: str, meters: int
) -> None:
    """Five requests the first time, then four, and one more for each further meter."""
    with PpcGateway(clock=clock, scenario=SCENARIOS[scenario]()) as gateway:
        reader = Reader(gateway)
        for login in (WELCOME, BY_POST, BY_POST):
            snapshot = await reader.read()
            assert reader.actions == [*login, *[PROFILE] * meters, LOGOUT]
            assert snapshot.requests == len(login) + meters + 1
            assert len(snapshot.meters) == meters
            truths(snapshot, gateway)
        assert gateway.open_sessions == 0
        assert gateway.logins == 3


async def test_snapshot(reader: Reader, gateway: PpcGateway) -> None:
    """Gateway and meters as they are."""
    snapshot = await reader.read()
    assert snapshot.gateway.gateway_id == gateway.gateway_id
    assert snapshot.gateway.firmware == gateway.firmware
    assert snapshot.gateway.clock == START
    assert snapshot.gateway.last_sync is not None
    assert timedelta(0) < START - snapshot.gateway.last_sync < timedelta(hours=1)
    assert list(snapshot.meters) == [STAIRWELL, HOUSE]
    assert snapshot.skipped == ()
    house = snapshot.meters[HOUSE]
    assert list(house.readings) == ["1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.0"]
    assert house.logical_name == "01005e318002.1emh0012345678.sm"
    assert house.capture_interval == timedelta(minutes=15)
    assert house.last_capture is not None
    assert (
        timedelta(0)
        < house.last_capture - START.replace(minute=0)
        < timedelta(seconds=6)
    )


VARIANTS = [
    *("v1_sessionid", "token_enforced", "typo_obis_id", "double_quotes"),
    *("unquoted_attributes", "raw_umlauts", "double_entities", "cell_missing"),
    *("cell_empty", "words_validity", "mid_reuse", "mid_reuse_refused"),
    *("lenient_digest", "get_first_only", "cookie_every_page", "no_logout_page"),
    *("new_nonce_each_time", "old_nonce_blank", "gzip", "hostile_entities"),
]


@pytest.mark.parametrize("variant", VARIANTS)
async def test_variants(reader: Reader, gateway: PpcGateway, variant: str) -> None:
    """Every firmware is read right, in its first session and later."""
    gateway.faults.add(variant)
    for _ in range(3):
        snapshot = await reader.read()
        assert list(snapshot.meters) == [STAIRWELL, HOUSE]
        assert [len(m.readings) for m in snapshot.meters.values()] == [1, 4]
        assert all(m.address for m in snapshot.meters.values())
        truths(snapshot, gateway)
        assert snapshot.skipped == ()
        assert snapshot.gateway.firmware == gateway.firmware
        assert snapshot.gateway.clock == START
        assert gateway.open_sessions == 0
        assert gateway.failed_logins == 0
        gateway.clock.advance(timedelta(minutes=15))
        gateway.clock.set(START)


@pytest.mark.parametrize("scenario", ["feed_in", "taf10", "house"])
async def test_scenarios(socket_enabled: None, clock: SimClock, scenario: str) -> None:
    """Export only, sixteen values, several media."""
    with PpcGateway(clock=clock, scenario=SCENARIOS[scenario]()) as gateway:
        snapshot = await Reader(gateway).read()
        assert snapshot.skipped == ()
        shown = {m.id.upper(): len(m.registers) for m in gateway.scenario.meters}
        assert {m: len(v.readings) for m, v in snapshot.meters.items()} == shown
        truths(snapshot, gateway)


async def test_no_login_by_post_without_cookies(
    reader: Reader, gateway: PpcGateway
) -> None:
    """The oldest firmware always needs its welcome page."""
    gateway.faults.add("v1_sessionid")
    for _ in range(3):
        assert (await reader.read()).requests == 6
    assert all(action != ("meterform", 401) for action in reader.actions)


async def test_cookies_are_gone(reader: Reader, gateway: PpcGateway) -> None:
    """A session that was opened without a cookie is closed, then the old way is taken."""
    await reader.read()
    await reader.read()
    gateway.faults.add("v1_sessionid")
    for requests in (9, 6):
        gateway.clear_requests()
        truths(await reader.read(), gateway)
        assert len(reader.actions) == requests
        assert gateway.open_sessions == 0


@pytest.mark.parametrize(
    "fault",
    [
        ("get_first_only", {}),
        ("other_web_server", {"times": 1, "action": "meterform"}),
        ("empty_body", {"times": 2, "action": "meterform"}),
        ("garbage_body", {"times": 1, "action": "meterform"}),
        ("server_error", {"times": 1, "action": "meterform"}),
        ("drop_before_answer", {"times": 1, "action": "meterform"}),
        ("garbage", {"times": 1, "action": "meterform"}),
        ("big_page", {"times": 1, "action": "meterform"}),
        ("redirect", {"times": 1, "action": "meterform"}),
    ],
    ids=lambda fault: fault[0],
)
async def test_odd_answer_means_welcome_for_good(
    reader: Reader, gateway: PpcGateway, fault: tuple[str, dict[str, object]]
) -> None:
    """Whatever the first form answers when it is tried: not an error, and never again."""
    await reader.read()
    gateway.faults.add(fault[0], **fault[1])
    truths(await reader.read(), gateway)
    assert reader.memory["login_by_post"] is False
    gateway.faults.clear()
    reader.actions  # noqa: B018
    for _ in range(2):
        assert (await reader.read()).requests == 6
        assert reader.actions[:3] == WELCOME
    assert gateway.open_sessions == 0
    assert gateway.failed_logins == 0


async def test_new_firmware_is_tried_again(reader: Reader, gateway: PpcGateway) -> None:
    """What one firmware cannot do, the next may."""
    gateway.faults.add("get_first_only")
    await reader.read()
    await reader.read()
    assert reader.memory == {"firmware": "21929-21929", "login_by_post": False}
    gateway.faults.clear()
    gateway.firmware = "33950-34900"
    assert (await reader.read()).requests == 6
    assert (await reader.read()).requests == 5
    assert reader.memory == {"firmware": "33950-34900", "login_by_post": True}


async def test_way_lost_with_new_firmware(reader: Reader, gateway: PpcGateway) -> None:
    """A firmware that takes the way back is asked once."""
    await reader.read()
    await reader.read()
    gateway.firmware = "33950-34900"
    gateway.faults.add("get_first_only")
    await reader.read()
    assert reader.memory == {"firmware": "33950-34900", "login_by_post": False}
    reader.actions  # noqa: B018
    await reader.read()
    assert reader.actions[:3] == WELCOME


async def test_proven_way_survives_others_sessions(
    reader: Reader, gateway: PpcGateway
) -> None:
    """That somebody else is logged in says nothing against the way."""
    await reader.read()
    await reader.read()
    gateway.faults.add("session_in_use")
    with pytest.raises(SmgwError):
        await reader.read()
    gateway.faults.clear()
    assert (await reader.read()).requests == 5


async def test_failed_first_session_teaches_nothing(
    reader: Reader, gateway: PpcGateway
) -> None:
    """Only after a good session the other way is tried."""
    gateway.faults.add("session_in_use")
    with pytest.raises(SmgwError):
        await reader.read()
    assert reader.memory == {}


async def test_memory_outlives_the_driver(gateway: PpcGateway) -> None:
    """After a restart the saved request stays saved."""
    first = Reader(gateway)
    await first.read()
    assert (await Reader(gateway, memory=first.memory).read()).requests == 5


async def test_second_account_knows_its_own_meters(
    socket_enabled: None, clock: SimClock
) -> None:
    """What one account does not see is not forgotten for the other."""
    users = {"2": Account("zwei", meters=frozenset({"1esy0060178981"}))}
    with PpcGateway(clock=clock, scenario=SCENARIOS["two"](), users=users) as gateway:
        reader = Reader(gateway)
        await reader.read()
        other = Credentials(user="2", password="zwei")
        assert list((await reader.driver.read_latest(other)).meters) == [STAIRWELL]
        gateway.override("1emh0012345678", "1-0:1.8.0", wert="1.0000")
        snapshot = await reader.read()
        assert [s.reason for s in snapshot.skipped] == ["went_backwards"]


async def test_meters_come_and_go(reader: Reader, gateway: PpcGateway) -> None:
    """A new meter is read at once, a removed one is gone."""
    await reader.read()
    gateway.scenario.meters.remove_meter("1emh0012345678")
    gateway.scenario.meters.add_meter("7els0045678901", ["7-0:3.0.0"], interval=3600)
    snapshot = await reader.read()
    assert list(snapshot.meters) == [STAIRWELL, "7ELS0045678901"]
    truths(snapshot, gateway)


async def test_night_when_the_clocks_go_back(
    socket_enabled: None, clock: SimClock
) -> None:
    """Every quarter hour from two hours before to two hours after: each its own moment."""
    start = datetime(2026, 10, 24, 23, 7, tzinfo=UTC)
    clock.set(start)
    with PpcGateway(clock=clock, scenario=SCENARIOS["two"]()) as gateway:
        reader = Reader(gateway)
        for quarter in range(17):
            now = start + timedelta(minutes=15 * quarter)
            clock.set(now)
            snapshot = await reader.read()
            assert snapshot.skipped == ()
            assert snapshot.gateway.clock == now
            for meter in snapshot.meters.values():
                assert meter.last_capture is not None
                age = now - meter.last_capture
                assert timedelta(minutes=6) < age < timedelta(minutes=7)
            truths(snapshot, gateway)


async def test_night_when_the_clocks_go_forward(
    socket_enabled: None, clock: SimClock
) -> None:
    """The hour that does not exist is not missed."""
    start = datetime(2026, 3, 29, 0, 7, tzinfo=UTC)
    clock.set(start)
    with PpcGateway(clock=clock, scenario=SCENARIOS["one"]()) as gateway:
        reader = Reader(gateway)
        for quarter in range(9):
            clock.set(start + timedelta(minutes=15 * quarter))
            snapshot = await reader.read()
            assert snapshot.skipped == ()
            truths(snapshot, gateway)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wert": "1e9999"}, "no_value"),
        ({"wert": "NaN"}, "no_value"),
        ({"wert": "１２３"}, "no_value"),
        ({"zeitstempel": "2099-01-01 00:00:00"}, "in_the_future"),
        ({"zeitstempel": "1970-01-01 01:00:00"}, "too_old"),
        ({"obis_text": "1-0:999.8.0"}, "unknown_obis"),
        ({"einheit": "Furlong"}, "unknown_unit"),
        ({"istvalide": "2"}, "invalid"),
        ({"istvalide": "3"}, "not_present"),
    ],
)
async def test_bad_rows_are_skipped(
    reader: Reader, gateway: PpcGateway, change: dict[str, str], reason: str
) -> None:
    """One bad row costs nothing but itself."""
    gateway.override("1emh0012345678", "1-0:1.8.1", **change)
    snapshot = await reader.read()
    assert list(snapshot.meters[HOUSE].readings) == [
        "1-0:1.8.0",
        "1-0:1.8.2",
        "1-0:2.8.0",
    ]
    assert [skipped.reason for skipped in snapshot.skipped] == [reason]
    truths(snapshot, gateway)


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        ("gaps", {"not_present"}),
        ("not_valid", {"invalid"}),
        ("no_values", set()),
        ("no_metervalue_table", set()),
    ],
)
async def test_no_valid_values(
    reader: Reader, gateway: PpcGateway, fault: str, reasons: set[str]
) -> None:
    """Meters without a valid value are meters without readings."""
    gateway.faults.add(fault)
    snapshot = await reader.read()
    assert [len(m.readings) for m in snapshot.meters.values()] == [0, 0]
    assert {skipped.reason for skipped in snapshot.skipped} == reasons


async def test_hanging_gateway(reader: Reader, gateway: PpcGateway) -> None:
    """Values that stand still are told with their true age."""
    gateway.faults.add("han_hang", age_hours=30)
    snapshot = await reader.read()
    truths(snapshot, gateway)
    last = snapshot.meters[HOUSE].last_capture
    assert last is not None
    assert START - last > timedelta(hours=30)
    assert snapshot.gateway.clock == START
    assert snapshot.gateway.last_sync is not None
    assert START - snapshot.gateway.last_sync > timedelta(hours=30)


async def test_check(reader: Reader, gateway: PpcGateway) -> None:
    """The consumer interface answers; no account is needed, no session is opened."""
    await reader.driver.check()
    assert reader.actions == [CHALLENGE]
    assert gateway.logins == 0


async def test_check_elsewhere(reader: Reader, gateway: PpcGateway) -> None:
    """Other things that may answer."""
    for fault in ("other_web_server", "redirect", "garbage", "empty_body"):
        gateway.faults.add(fault)
        if fault != "empty_body":
            with pytest.raises(NotAGateway):
                await reader.driver.check()
        else:
            await reader.driver.check()
        gateway.faults.clear()


async def test_one_session_at_a_time(gateway: PpcGateway) -> None:
    """Ten polls of two drivers at once are served one after the other."""
    readers = [Reader(gateway), Reader(gateway)]
    snapshots = await asyncio.gather(
        *(reader.read() for _ in range(5) for reader in readers)
    )
    assert len(snapshots) == gateway.logins == 10
    for snapshot in snapshots:
        truths(snapshot, gateway)
    actions = [record.action for record in gateway.requests]
    sessions = " ".join(action or "-" for action in actions).split("logout")
    welcome, by_post = "- - meterform", "meterform meterform"
    profiles = "showMeterProfile showMeterProfile"
    assert {part.strip() for part in sessions[:-1]} == {
        f"{welcome} {profiles}",
        f"{by_post} {profiles}",
    }
    assert gateway.open_sessions == 0


async def test_queue_is_free_after_a_failure(
    reader: Reader, gateway: PpcGateway
) -> None:
    """The next one is served although the one before failed."""
    gateway.faults.add("locked", seconds=60)
    failed = await asyncio.gather(reader.read(), reader.read(), return_exceptions=True)
    assert [type(error) for error in failed] == [PortalLocked, PortalLocked]
    gateway.faults.clear()
    await reader.read()
