"""EMH's own faults and variants."""

from datetime import timedelta

from simulator.emh.faults import EMH_FAULTS
from simulator.faults import BOX_FAULTS

from .box_client import check
from .conftest import HOUSE, NOW, STAIRS, StartEmh, Talk

TAF1 = "01005e318021.taf041emh0012345678.sm"


def test_each_fault_has_a_test() -> None:
    """The table and the tests of this module name the same faults."""
    tested = {n.removeprefix("test_fault_") for n in globals() if "test_fault_" in n}
    assert tested == set(EMH_FAULTS) - set(BOX_FAULTS)
    assert all(info.sentence.endswith((".", ").")) for info in EMH_FAULTS.values())


def test_fault_live_values(start_emh: StartEmh, talk: Talk) -> None:
    """All momentary values, new ones each second, signed power."""
    gateway = start_emh("live_values")
    client = talk(gateway)
    first = client.newest(STAIRS)
    assert {value.target for value in first} == {NOW}
    assert {value.obis for value in first} >= {
        *("0100010800ff", "0100100700ff", "0100240700ff", "0100200700ff"),
        *("01001f0700ff", "01000e0700ff", "0100510701ff", "010051071aff"),
    }
    assert {value.unit for value in first} == {8, 27, 30, 33, 35, 44}
    check(gateway, STAIRS, first)
    gateway.clock.advance(timedelta(seconds=1))
    second = client.newest(STAIRS)
    assert [v.value for v in first] != [v.value for v in second]
    powers = []
    for _ in range(24):
        gateway.clock.advance(timedelta(hours=1))
        values = talk(gateway).newest(HOUSE)
        check(gateway, HOUSE, values)
        powers += [v.number for v in values if v.obis == "0100100700ff"]
    assert min(powers) < 0 < max(powers)
    gateway.faults.clear()
    assert len(talk(gateway).newest(STAIRS)) == 1


def test_fault_only_totals(start_emh: StartEmh, talk: Talk) -> None:
    """No tariff registers."""
    values = talk(start_emh("only_totals")).newest(HOUSE)
    assert [value.obis for value in values] == ["0100010800ff", "0100020800ff"]


def test_fault_status_14(start_emh: StartEmh, talk: Talk) -> None:
    """Two digits short."""
    (value,) = talk(start_emh("status_14")).newest(STAIRS)
    assert value.status == "a0000020003800"


def test_fault_months_kept(start_emh: StartEmh, talk: Talk) -> None:
    """Two months and no more."""
    client = talk(start_emh("months_kept:months=2"))
    assert client.read(f"metering/origin/{STAIRS}/1/extended")
    assert client.read(f"metering/origin/{STAIRS}/2/extended") == []


def test_fault_month_404(start_emh: StartEmh, talk: Talk) -> None:
    """Where nothing is, nothing is found."""
    client = talk(start_emh("month_404"))
    assert client.get(f"metering/origin/{STAIRS}/1/extended").status == 200
    assert client.get(f"metering/origin/{STAIRS}/40/extended").status == 404


def test_fault_current_refused(start_emh: StartEmh, talk: Talk) -> None:
    """400 for all."""
    client = talk(start_emh("current_refused"))
    assert client.get(f"metering/derived/{TAF1}/current/extended").status == 400


def test_fault_periods_late(start_emh: StartEmh, talk: Talk) -> None:
    """00:01."""
    periods = talk(start_emh("periods_late")).read(
        f"metering/derived/{TAF1}/billingperiods"
    )
    assert all("T00:01:00" in period["start"] for period in periods)


def test_fault_contracts_expired(start_emh: StartEmh, talk: Talk) -> None:
    """Ended, and without current registers; the meters go on."""
    client = talk(start_emh("contracts_expired:days=2"))
    end = (NOW - timedelta(days=2)).timestamp()
    for name in client.contracts():
        assert client.read(f"metering/derived/{name}")["validity_end"] <= end
    assert client.get(f"metering/derived/{TAF1}/current/extended").status == 400
    assert client.newest(STAIRS)


def test_fault_mdns_off(start_emh: StartEmh) -> None:
    """Silence."""
    assert start_emh("mdns_off").announcement is None
