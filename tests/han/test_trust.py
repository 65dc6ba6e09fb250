"""Which readings are believed beside those before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from custom_components.smgw.han.model import Meter, Reading, Register, Skipped
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.trust import Trust
from custom_components.smgw.han.units import Unit

METER = "1XYZ0099000010"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
IMPORT = "1-0:1.8.0"
POWER = "1-0:16.7.0"


def reading(value: str, quarter: int, code: str = IMPORT) -> Reading:
    """Return a reading some quarter hours after the start."""
    obis = Obis.parse(code)
    assert obis is not None
    unit = Unit.KILOWATT_HOUR if obis.counts_up else Unit.WATT
    return Reading(
        register=Register(meter_id=METER, obis=obis, unit=unit, name=""),
        value=Decimal(value),
        capture_time=START + quarter * timedelta(minutes=15),
    )


def ask(trust: Trust, *found: Reading) -> tuple[dict[str, str], list[str]]:
    """Return the believed values and the reasons of the others."""
    skipped: list[Skipped] = []
    now = max(item.capture_time for item in found) + timedelta(minutes=1)
    chosen = trust.choose(METER, found, now, skipped)
    values = {code: str(item.value) for code, item in chosen.items()}
    return values, [item.reason for item in skipped]


def test_a_lower_value_is_refused_for_an_hour() -> None:
    """One dip is a fault; a value that stays low was right, and the one before wrong."""
    trust = Trust()
    assert ask(trust, reading("9000", 0)) == ({IMPORT: "9000"}, [])
    for quarter in range(1, 5):
        assert ask(trust, reading("100", quarter)) == ({}, ["went_backwards"])
    assert ask(trust, reading("100.1", 5)) == ({IMPORT: "100.1"}, [])
    assert ask(trust, reading("100.2", 6)) == ({IMPORT: "100.2"}, [])


def test_dips_do_not_add_up() -> None:
    """A good value between two dips starts the count again."""
    trust = Trust()
    ask(trust, reading("100", 0))
    for quarter in range(1, 13, 2):
        assert ask(trust, reading("50", quarter)) == ({}, ["went_backwards"])
        assert ask(trust, reading("101", quarter + 1)) == ({IMPORT: "101"}, [])


def test_power_may_fall() -> None:
    """Only meter readings must not go down."""
    trust = Trust()
    ask(trust, reading("500", 0, POWER))
    assert ask(trust, reading("-20", 1, POWER)) == ({POWER: "-20"}, [])


def test_a_leap_is_refused_for_an_hour() -> None:
    """No home draws a megawatt; but what stays was right."""
    trust = Trust()
    ask(trust, reading("100", 0))
    assert ask(trust, reading("999999999", 1)) == ({}, ["grew_too_fast"])
    assert ask(trust, reading("100.5", 2)) == ({IMPORT: "100.5"}, [])
    for quarter in range(3, 7):
        assert ask(trust, reading("90000", quarter)) == ({}, ["grew_too_fast"])
    assert ask(trust, reading("90000", 7)) == ({IMPORT: "90000"}, [])


def test_growth_over_an_outage() -> None:
    """A month without readings may have used as much as a month can."""
    trust = Trust()
    ask(trust, reading("100", 0))
    assert ask(trust, reading("700", 96 * 30)) == ({IMPORT: "700"}, [])


def test_a_meter_counts_an_amount() -> None:
    """A number without an amount's unit is none; heat cost allocators count their own."""
    trust = Trust()
    for code, believed in (("4-0:1.0.0", True), (IMPORT, False), ("6-0:1.0.0", False)):
        with_unit = reading("5", 0, code)
        bare = replace(with_unit, register=replace(with_unit.register, unit=Unit.NONE))
        chosen, reasons = ask(trust, bare)
        assert (code in chosen) is believed
        assert reasons == ([] if believed else ["unknown_unit"])


def test_readings_of_an_earlier_run() -> None:
    """They are those before, but for registers of which newer ones are known."""
    earlier = {
        IMPORT: reading("100", 4),
        POWER: reading("500", 1, POWER),
    }
    trust = Trust()
    ask(trust, reading("300", 2, POWER))
    trust.recall([Meter.of("", METER, earlier)])
    assert ask(trust, reading("99", 3)) == ({}, ["older_than_before"])
    assert ask(trust, reading("90", 5)) == ({}, ["went_backwards"])
    assert ask(trust, reading("100.5", 5)) == ({IMPORT: "100.5"}, [])
    assert ask(trust, reading("400", 1, POWER)) == ({}, ["older_than_before"])
