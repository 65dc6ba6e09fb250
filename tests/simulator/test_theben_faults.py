"""Theben's own faults and variants."""

from datetime import timedelta
import time

import pytest

from simulator.faults import BOX_FAULTS
from simulator.theben import SCENARIOS
from simulator.theben.faults import THEBEN_FAULTS

from .box_client import ROOT, ThebenClient, utc
from .conftest import HOUSE, NOW, STAIRS, StartTheben, Talk

SLOT = NOW - timedelta(minutes=7)
QUARTER = timedelta(minutes=15)


def test_each_fault_has_a_test() -> None:
    """The table and the tests of this module name the same faults."""
    tested = {n.removeprefix("test_fault_") for n in globals() if "test_fault_" in n}
    assert tested == set(THEBEN_FAULTS) - set(BOX_FAULTS)
    assert all(i.sentence.endswith((".", ").")) for i in THEBEN_FAULTS.values())


def last(client: ThebenClient, **more: object) -> dict[str, object]:
    """Return the payload of a last-reading."""
    found = client.read(
        "readings",
        usage_point_id=client.point(STAIRS),
        database="origin",
        last_reading=True,
        **more,
    )
    assert isinstance(found, dict)
    return found


def test_fault_redirect_302(start_theben: StartTheben, talk: Talk) -> None:
    """Another status."""
    reply = talk(start_theben("redirect_302")).first()
    assert reply.status == 302
    assert reply.headers["Location"].startswith(ROOT)


def test_fault_redirect_absolute(start_theben: StartTheben, talk: Talk) -> None:
    """A whole address."""
    gateway = start_theben("redirect_absolute")
    place = talk(gateway).first().headers["Location"]
    assert place == f"{gateway.url}/smgw/m2m/lv-hv-kunde.sm/json"


def test_fault_user_id_gateway(start_theben: StartTheben, talk: Talk) -> None:
    """The id of the box."""
    client = talk(start_theben("user_id_gateway"))
    assert client.call("smgw-info").status == 200
    assert client.place == "/smgw/m2m/ethe0300123456.sm/json"


def test_fault_old_xml_api(start_theben: StartTheben, talk: Talk) -> None:
    """Another suffix, and no JSON there."""
    client = talk(start_theben("old_xml_api"))
    assert client.first().headers["Location"].endswith("/getdata")
    assert client.ask("GET", f"{client.place}?request=smgwinfo").status == 500


def test_fault_charset_accepted(start_theben: StartTheben, talk: Talk) -> None:
    """A lenient gateway."""
    client = talk(start_theben("charset_accepted"))
    assert client.first(Content_Type="application/json; charset=utf-8").status == 307


def test_fault_any_window(start_theben: StartTheben, talk: Talk) -> None:
    """Forty days at once."""
    client = talk(start_theben("any_window"))
    values = client.history(STAIRS, SLOT - timedelta(days=40), SLOT)
    assert len(values) > 39 * 96


def test_fault_window_by_capture(start_theben: StartTheben, talk: Talk) -> None:
    """The slot at totime was captured too late."""
    gateway = start_theben("window_by_capture")
    values = talk(gateway).history(STAIRS, SLOT - 2 * QUARTER, SLOT)
    assert [v.target for v in values] == [SLOT - 2 * QUARTER, SLOT - QUARTER]


def test_fault_joined_directions(start_theben: StartTheben, talk: Talk) -> None:
    """Both registers in one usage point."""
    client = talk(start_theben("joined_directions"))
    values = client.newest(HOUSE)
    assert [value.obis for value in values] == ["0100010800ff", "0100020800ff"]


def test_fault_state_ready(start_theben: StartTheben, talk: Talk) -> None:
    """Nothing says running, and values come."""
    client = talk(start_theben("state_ready"))
    assert {p["taf-state"] for p in client.points()} == {"ready", "archive"}
    assert client.newest(STAIRS)


def test_fault_contracts_expired(start_theben: StartTheben, talk: Talk) -> None:
    """Archive only; old values can be read."""
    client = talk(start_theben("contracts_expired:days=2"))
    points = client.points()
    # the one that has not begun has ended as well
    assert {point["taf-state"] for point in points} == {"archive"}
    point = next(
        p for p in points if p["meter"][0]["meter-id"] == STAIRS and p["end-time"]
    )
    assert point["end-time"] <= utc(NOW - timedelta(days=2))
    ids = [p["usage-point-id"] for p in points if STAIRS in str(p["meter"])]
    newest = [v.target for i in ids for v in client.values(i, last_reading=True)]
    assert max(newest) <= NOW - timedelta(days=2)


def test_fault_end_time_far(start_theben: StartTheben, talk: Talk) -> None:
    """No empty end."""
    points = talk(start_theben("end_time_far")).points()
    assert {p["end-time"][:4] for p in points} >= {"2099"}
    assert all(p["end-time"] for p in points)


def test_fault_billing_periods_key(start_theben: StartTheben, talk: Talk) -> None:
    """The spelling of the document's table, or another."""
    gateway = start_theben("billing_periods_key")
    assert "billingPeriods" in talk(gateway).points()[0]
    gateway.faults.add("billing_periods_key", key="billing-periods")
    assert "billing-periods" in talk(gateway).points()[0]


def test_fault_daily_periods(start_theben: StartTheben, talk: Talk) -> None:
    """Hundreds of periods, a long answer."""
    client = talk(start_theben("daily_periods"))
    reply = client.call("user-info")
    assert len(reply.body) > 300_000
    point = next(p for p in client.points() if p["taf-number"] == "1")
    assert len(point["billing-Periods"]) > 700
    values = client.values(point["usage-point-id"], "derived", last_reading=True)
    assert NOW - values[0].target < timedelta(days=1)


def test_fault_interface_120(start_theben: StartTheben, talk: Talk) -> None:
    """The interface of 2020."""
    client = talk(start_theben("interface_120"))
    assert client.call("smgw-info").json["version"] == "1.2.0"
    assert last(client)["channels"][0]["obis"] == f"0100010800ff.{STAIRS}.sm"


def test_fault_obis_suffix(start_theben: StartTheben, talk: Talk) -> None:
    """Codes with the meter; derived ones with the contract."""
    client = talk(start_theben("obis_suffix"))
    assert last(client)["channels"][0]["obis"] == f"0100010800ff.{STAIRS}.sm"
    (value,) = client.values(client.point(HOUSE, "1"), "derived", last_reading=True)
    assert value.obis == f"0100010800ff.{value.owner}"


def test_fault_capture_early(start_theben: StartTheben, talk: Talk) -> None:
    """Before the slot's end."""
    (value,) = talk(start_theben("capture_early")).newest(STAIRS)
    assert value.target - value.captured == timedelta(seconds=40)


def test_fault_filtered_last_empty(start_theben: StartTheben, talk: Talk) -> None:
    """Asking for one channel gets none."""
    client = talk(start_theben("filtered_last_empty"))
    assert last(client, channels=[{"channel": "0100010800ff"}])["channels"] == []
    assert last(client)["records"] == "1"


def test_fault_incomplete(start_theben: StartTheben, talk: Talk) -> None:
    """The oldest readings and a flag."""
    client = talk(start_theben("incomplete:readings=10"))
    asked = {"usage_point_id": client.point(STAIRS), "database": "origin"}
    window = {"fromtime": utc(SLOT - 20 * QUARTER), "totime": utc(SLOT)}
    answer = client.read("readings", **asked, **window)
    assert answer["incomplete"] == "true"
    assert answer["records"] == "10"
    assert last(client)["incomplete"] == "false"


def test_fault_live_refused(start_theben: StartTheben, talk: Talk) -> None:
    """No value of a TAF 10."""
    client = talk(start_theben("live_refused", scenario=SCENARIOS["taf10"]()))
    (point,) = client.points()
    asked = {"usage_point_id": point["usage-point-id"], "database": "origin"}
    assert client.call("readings", **asked, last_reading=True).status == 400


def test_fault_long_log(start_theben: StartTheben, talk: Talk) -> None:
    """Pages of 1500 until fewer come."""
    client = talk(start_theben("long_log"))
    sizes, entries = [], client.read("log")["entries"]
    while True:
        sizes.append(len(entries))
        if len(entries) < 1500:
            break
        following = int(entries[-1]["index"]) + 1
        entries = client.read("log", fromindex=following)["entries"]
    assert sizes[:2] == [1500, 1500]
    assert sum(sizes) == 4000


def test_fault_self_test_running(start_theben: StartTheben, talk: Talk) -> None:
    """Forbidden."""
    assert talk(start_theben("self_test_running")).call("self-test").status == 403


def test_fault_self_test_outage(start_theben: StartTheben, talk: Talk) -> None:
    """Away for a while."""
    gateway = start_theben("self_test_outage:seconds=60")
    assert talk(gateway).call("self-test").status == 200
    with pytest.raises(OSError):
        talk(gateway).first()
    gateway.clock.advance(timedelta(seconds=61))
    assert talk(gateway).first().status == 307


def test_fault_smgw_time_local(start_theben: StartTheben, talk: Talk) -> None:
    """Wall time, without saying so."""
    info = talk(start_theben("smgw_time_local")).read("smgw-info")
    assert info["smgw-time"] == "2026-05-12T10:07:00"


def test_fault_han_off(start_theben: StartTheben, talk: Talk) -> None:
    """Nothing answers until the operator has been there."""
    gateway = start_theben("han_off")
    with pytest.raises(OSError):
        talk(gateway).first()
    gateway.faults.clear()
    time.sleep(0.05)
    assert talk(gateway).first().status == 307


def test_state_word(start_theben: StartTheben, talk: Talk) -> None:
    """The gateway's own state follows."""
    gateway = start_theben("clock_invalid")
    assert talk(gateway).read("smgw-info")["smgw-state"] == "a0400000"
