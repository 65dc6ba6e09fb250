"""What one poll asks of a Theben, and what it tells."""

from collections.abc import Generator
from datetime import timedelta

import pytest

from custom_components.smgw.han.model import Snapshot
from simulator.clock import SimClock
from simulator.scenario import HOUSE as HOUSE_METER, STAIRWELL as STAIRS, ContractSpec
from simulator.theben import SCENARIOS, Account, Scenario, ThebenGateway

from .helpers import START, Reader, truths

STAIRWELL, HOUSE = "1ESY0060178981", "1EMH0012345678"
GAS, WATER, HEAT = "7ELS0045678901", "8HYD0056789012", "6KAM0067890123"
BOTH = ["1-0:1.8.0", "1-0:2.8.0"]
REGISTERS = {
    STAIRWELL: ["1-0:1.8.0"],
    HOUSE: BOTH,
    GAS: ["7-0:3.0.0"],
    WATER: ["8-0:1.0.0"],
    HEAT: ["6-0:1.0.0"],
}


@pytest.fixture
def gateway(socket_enabled: None, clock: SimClock) -> Generator[ThebenGateway]:
    """A gateway with meters of four media and contracts of all kinds."""
    with ThebenGateway(clock=clock) as running:
        yield running


def shown(snapshot: Snapshot) -> dict[str, list[str]]:
    """Return the registers of each meter."""
    return {m: sorted(v.readings) for m, v in snapshot.meters.items()}


async def test_snapshot(reader: Reader, gateway: ThebenGateway) -> None:
    """Gateway, meters, and both directions, whatever usage point they are in."""
    snapshot = await reader.read()
    assert snapshot.gateway.gateway_id == gateway.gateway_id
    assert snapshot.gateway.firmware == gateway.firmware
    assert snapshot.gateway.clock == START
    assert snapshot.gateway.last_sync is None
    assert shown(snapshot) == REGISTERS
    assert snapshot.skipped == ()
    truths(snapshot, gateway)
    # import live, export of the last quarter hour
    live, slot = (snapshot.meters[HOUSE].readings[code] for code in BOTH)
    assert START - live.capture_time < timedelta(minutes=1)
    assert slot.target_time == START.replace(minute=0)
    assert slot.register.name == "TAF7_OCT_B+E_EINSP"
    assert snapshot.meters[GAS].logical_name == "7els0045678901.sm"


async def test_requests(reader: Reader, gateway: ThebenGateway) -> None:
    """Contracts are asked for once a day; each register is read once."""
    login = [("m2m", 401), ("m2m", 307), ("smgw-info", 200)]
    contracts = [("user-info", 200), *[("usage-point-info", 200)] * 12]
    warm = [("smgw-info", 401), ("smgw-info", 200)]
    readings = [("readings", 200)] * 6
    for expected in (
        [*login, *contracts, *readings],
        [*warm, *readings],
        [*warm, *readings],
        [*warm, *contracts, *readings],
    ):
        snapshot = await reader.read()
        assert reader.actions == expected
        assert snapshot.requests == len(expected)
        assert shown(snapshot) == REGISTERS
        truths(snapshot, gateway)
        gateway.clock.advance(timedelta(hours=10))


@pytest.mark.parametrize("scenario", ["one", "two", "feed_in", "taf10", "house"])
async def test_scenarios(socket_enabled: None, clock: SimClock, scenario: str) -> None:
    """One register, export only, sixteen values that are not kept, several media."""
    with ThebenGateway(clock=clock, scenario=SCENARIOS[scenario]()) as gateway:
        reader = Reader(gateway)
        for _ in range(2):
            snapshot = await reader.read()
            assert snapshot.skipped == ()
            assert all(meter.readings for meter in snapshot.meters.values())
            truths(snapshot, gateway)
        if scenario == "taf10":
            assert [len(m.readings) for m in snapshot.meters.values()] == [16]


VARIANTS = [
    *("redirect_302", "redirect_absolute", "user_id_gateway", "charset_accepted"),
    *("state_ready", "end_time_far", "billing_periods_key", "daily_periods"),
    *("joined_directions", "interface_120", "obis_suffix"),
    *("filtered_last_empty", "live_refused", "incomplete", "smgw_time_local"),
    *("signatures", "ptb_warning", "meter_status", "any_window", "gzip"),
    *("window_by_capture", "long_log", "self_test_running", "self_test_outage"),
    *("idle_close", "overwhelmed"),
]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("warm", [False, True])
async def test_variants(
    reader: Reader, gateway: ThebenGateway, variant: str, warm: bool
) -> None:
    """Every firmware is read right, in its first session, later, and after a change."""
    if warm:
        await reader.read()
        gateway.clock.advance(timedelta(minutes=15))
    gateway.faults.add(variant)
    for _ in range(3):
        snapshot = await reader.read()
        assert shown(snapshot) == REGISTERS
        truths(snapshot, gateway)
        assert snapshot.gateway.clock == gateway.clock.now()
        gateway.clock.advance(timedelta(minutes=15))
    assert gateway.failed_logins == 0


async def test_signature_and_name(reader: Reader, gateway: ThebenGateway) -> None:
    """A signature is passed on as delivered."""
    gateway.faults.add("signatures")
    reading = (await reader.read()).meters[GAS].readings["7-0:3.0.0"]
    assert reading.signature is not None
    assert len(reading.signature) == 128


async def test_live_refused(reader: Reader, gateway: ThebenGateway) -> None:
    """A usage point that cannot be read is told, and costs one request a day."""
    gateway.faults.add("live_refused")
    for reasons in (["not_readable"], [], []):
        snapshot = await reader.read()
        assert [skipped.reason for skipped in snapshot.skipped] == reasons
        assert shown(snapshot) == REGISTERS
        truths(snapshot, gateway)
    assert snapshot.requests == 8


async def test_live_refused_later(reader: Reader, gateway: ThebenGateway) -> None:
    """One that was readable may be gone: the contracts are asked for, once."""
    await reader.read()
    gateway.faults.add("live_refused")
    asked = [(await reader.read()).requests for _ in range(3)]
    # challenge, info, the refusal, contracts, readings
    assert asked == [2 + 1 + 13 + 6, 8, 8]


async def test_nothing_is_lost_with_a_refusal(
    socket_enabled: None, clock: SimClock
) -> None:
    """A register that only an unreadable usage point has is asked for each time."""
    with ThebenGateway(clock=clock, scenario=SCENARIOS["taf10"]()) as gateway:
        reader = Reader(gateway)
        gateway.faults.add("live_refused")
        for _ in range(2):
            snapshot = await reader.read()
            assert [len(m.readings) for m in snapshot.meters.values()] == [0]
            assert [s.reason for s in snapshot.skipped] == ["not_readable"]
        gateway.faults.clear()
        snapshot = await reader.read()
        assert [len(m.readings) for m in snapshot.meters.values()] == [16]


async def test_incomplete(reader: Reader, gateway: ThebenGateway) -> None:
    """A list that was cut short is told."""
    gateway.faults.add("incomplete", readings=0)
    snapshot = await reader.read()
    assert {skipped.reason for skipped in snapshot.skipped} == {"incomplete"}
    assert not any(meter.readings for meter in snapshot.meters.values())


@pytest.mark.parametrize(
    ("fault", "reasons", "kept"),
    [
        # what is read live is no reading of a slot
        ("not_valid", {"invalid"}, {(HOUSE, "1-0:1.8.0")}),
        ("no_values", set(), {(HOUSE, "1-0:1.8.0")}),
        ("clock_invalid", {"invalid"}, set()),
        ("fatal_status", {"invalid"}, set()),
        ("unit", {"unknown_unit"}, set()),
    ],
)
async def test_no_valid_values(
    reader: Reader,
    gateway: ThebenGateway,
    fault: str,
    reasons: set[str],
    kept: set[tuple[str, str]],
) -> None:
    """What is not valid never becomes a reading."""
    gateway.faults.add(fault)
    for _ in range(2):
        snapshot = await reader.read()
        assert list(snapshot.meters) == list(REGISTERS)
        left = {(m, o) for m, codes in shown(snapshot).items() for o in codes}
        assert left == kept
        assert {skipped.reason for skipped in snapshot.skipped} >= reasons
        truths(snapshot, gateway)


async def test_scaler_changes(socket_enabled: None, clock: SimClock) -> None:
    """A new scaler is noticed by the leap of the values, to either side."""
    with ThebenGateway(clock=clock, scenario=SCENARIOS["two"]()) as gateway:
        reader = Reader(gateway)
        await reader.read()
        for scaler in (-3, -2, -1, -3):
            gateway.faults.add("scaler", value=scaler)
            clock.advance(timedelta(minutes=15))
            for asked in (2 + 1 + 9 + 3, 5):
                snapshot = await reader.read()
                assert snapshot.requests == asked
                assert snapshot.skipped == ()
                assert shown(snapshot) == {STAIRWELL: ["1-0:1.8.0"], HOUSE: BOTH}
                truths(snapshot, gateway)


async def test_capture_before_target(reader: Reader, gateway: ThebenGateway) -> None:
    """Some take the value before the slot ends; it belongs to the slot."""
    gateway.faults.add("capture_early")
    snapshot = await reader.read()
    assert shown(snapshot) == REGISTERS
    for meter in snapshot.meters.values():
        for obis, reading in meter.readings.items():
            assert reading.target_time is not None
            assert reading.target_time - reading.capture_time == timedelta(seconds=40)
            assert reading.value == gateway.true_register(
                meter.meter_id.lower(), obis, reading.target_time
            )


async def test_new_firmware(reader: Reader, gateway: ThebenGateway) -> None:
    """New firmware: everything is asked for anew."""
    await reader.read()
    gateway.firmware = "v3.90.0-cc"
    snapshot = await reader.read()
    assert snapshot.requests == 2 + 13 + 6
    assert snapshot.gateway.firmware == "v3.90.0-cc"


async def test_meter_exchange(reader: Reader, gateway: ThebenGateway) -> None:
    """The new meter appears with its first values, the old one goes; no value is mixed."""
    await reader.read()
    gateway.faults.add("meter_exchange", meter="1emh0012345678", new="1emh0099999999")
    for _ in range(4):
        snapshot = await reader.read()
        truths(snapshot, gateway)
        gateway.clock.advance(timedelta(minutes=15))
    assert HOUSE not in snapshot.meters
    assert sorted(snapshot.meters["1EMH0099999999"].readings) == BOTH
    assert snapshot.skipped == ()
    assert snapshot.requests == 8


async def test_user_gets_another_id(reader: Reader, gateway: ThebenGateway) -> None:
    """The path is asked for again, in the same session."""
    await reader.read()
    gateway.faults.add("user_id_gateway")
    truths(await reader.read(), gateway)
    assert gateway.logins == 2


async def test_stale_values(reader: Reader, gateway: ThebenGateway) -> None:
    """Values that stand still are told with their true age, at no cost."""
    gateway.faults.add("stale_values", age_hours=30)
    for _ in range(2):
        snapshot = await reader.read()
        truths(snapshot, gateway)
        last = snapshot.meters[HOUSE].last_capture
        assert last is not None
        assert START - last > timedelta(hours=29)
        assert snapshot.gateway.clock == START


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("seconds", [-3600, -1800, 60, 1800, 3600, 86400])
async def test_clock_is_wrong(
    reader: Reader, gateway: ThebenGateway, seconds: int, local: bool
) -> None:
    """The gateway's clock is told as it is, though it shows no zone."""
    if local:
        gateway.faults.add("smgw_time_local")
    gateway.faults.add("clock_skew", seconds=seconds)
    snapshot = await reader.read()
    expected = START + timedelta(seconds=seconds)
    undecided = local and seconds == -3600
    assert snapshot.gateway.clock in ((None,) if undecided else (expected,))


@pytest.mark.parametrize("fault", ["clock_stands", "gap"])
async def test_old_values(reader: Reader, gateway: ThebenGateway, fault: str) -> None:
    """A clock that stands, or missing slots: old values are true ones."""
    gateway.faults.add(fault)
    gateway.clock.advance(timedelta(hours=3))
    snapshot = await reader.read()
    truths(snapshot, gateway)
    assert shown(snapshot) == REGISTERS
    expected = START if fault == "clock_stands" else gateway.clock.now()
    assert snapshot.gateway.clock == expected


@pytest.mark.parametrize("slots", [92, 100])
async def test_change_of_daylight_saving(
    reader: Reader, gateway: ThebenGateway, slots: int
) -> None:
    """Times carry their zone: the hour that comes twice does not matter."""
    gateway.faults.add("dst_day", slots=slots)
    truths(await reader.read(), gateway)


async def test_october_hour(socket_enabled: None) -> None:
    """Nor does it for a gateway that shows wall time."""
    start = START.replace(month=10, day=24, hour=23, minute=7)
    clock = SimClock(start)
    with ThebenGateway(clock=clock, faults=["smgw_time_local"]) as gateway:
        reader = Reader(gateway)
        for quarter in range(16):
            clock.set(start + timedelta(minutes=15 * quarter))
            snapshot = await reader.read()
            assert snapshot.gateway.clock == clock.now()
            assert snapshot.skipped == ()
            truths(snapshot, gateway)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wert": "1e9999"}, "no_value"),
        ({"wert": "NaN"}, "no_value"),
        ({"wert": ""}, "no_value"),
        ({"zeitstempel": "2099-01-01T00:00:00Z"}, "in_the_future"),
        ({"zeitstempel": "1970-01-01T01:00:00Z"}, "too_old"),
        ({"zeitstempel": "2026-11-20T10:00:05"}, "no_time"),
        ({"zeitstempel": "gestern"}, "no_time"),
        ({"obis_text": "0100ff"}, "unknown_obis"),
        ({"obis_text": "0100630700ff"}, "unknown_unit"),
        ({"status": "e002000020003800"}, "invalid"),
        ({"status": "a000000020004000"}, "invalid"),
        ({"status": "a0040000"}, "invalid"),
        ({"istvalide": "2"}, "invalid"),
    ],
)
async def test_bad_readings_are_skipped(
    reader: Reader, gateway: ThebenGateway, change: dict[str, str], reason: str
) -> None:
    """One bad reading costs nothing but itself."""
    gateway.override("1emh0012345678", "1-0:2.8.0", **change)
    snapshot = await reader.read()
    assert list(snapshot.meters[HOUSE].readings) == ["1-0:1.8.0"]
    assert {skipped.reason for skipped in snapshot.skipped} == {reason}
    truths(snapshot, gateway)


async def test_logins_that_see_parts(socket_enabled: None, clock: SimClock) -> None:
    """Each account sees its own, and has its own path."""
    users = {
        "zwei": Account("pw", meters=("1esy0060178981",), user_id="lv-2"),
        "drei": Account("pw", obis=("1-0:2.8.0",)),
    }
    with ThebenGateway(clock=clock, users=users) as gateway:
        reader = Reader(gateway)
        for _ in range(2):
            assert shown(await reader.read()) == REGISTERS
            for user, expected in (
                ("zwei", {STAIRWELL: ["1-0:1.8.0"]}),
                ("drei", {HOUSE: ["1-0:2.8.0"]}),
            ):
                assert shown(await reader.read_as(user, "pw")) == expected


async def test_contracts_of_all_kinds(socket_enabled: None, clock: SimClock) -> None:
    """Registers spread over usage points: each is read, from the liveliest."""
    both = ("1-0:1.8.0", "1-0:2.8.0")
    scenario = Scenario(
        (STAIRS, HOUSE_METER),
        (
            ContractSpec("Alt", 7, HOUSE_METER.id, both, -900, -200),
            ContractSpec("Monat", 1, HOUSE_METER.id, both),
            ContractSpec("Netz", 10, HOUSE_METER.id, ("1-0:2.8.0",)),
            ContractSpec("Ist", 9, HOUSE_METER.id, both),
            ContractSpec("Treppe", 6, STAIRS.id, ("1-0:1.8.0",)),
        ),
    )
    with ThebenGateway(clock=clock, scenario=scenario) as gateway:
        reader = Reader(gateway)
        for _ in range(2):
            snapshot = await reader.read()
            assert shown(snapshot) == {HOUSE: BOTH, STAIRWELL: ["1-0:1.8.0"]}
            names = {
                code: reading.register.name
                for code, reading in snapshot.meters[HOUSE].readings.items()
            }
            assert names == {"1-0:1.8.0": "Ist", "1-0:2.8.0": "Netz"}
        # challenge, info, Netz, Ist, Treppe
        assert snapshot.requests == 5
