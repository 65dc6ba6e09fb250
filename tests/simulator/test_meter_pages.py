"""The meter list and the profile page with the newest values."""

from datetime import timedelta
from decimal import Decimal
import re

import pytest

from simulator.ppc import SCENARIOS, PpcGateway

from .client import HanClient, column
from .conftest import HOUSE, STAIRS, Connect, Start

GAS = "7els0045678901"


def test_list(client: HanClient) -> None:
    """Five meters, the first selected, the firmware in the footer."""
    page = client.post("meterform").page
    assert list(page.options()) == [
        "01005e318002.1esy0060178981.sm",
        "01005e318002.1emh0012345678.sm",
        "01005e318002.7els0045678901.sm",
        "01005e318002.8hyd0056789012.sm",
        "01005e318002.6kam0067890123.sm",
    ]
    form = next(e for e in page.elements if e.attrs.get("id") == "form_meterform")
    assert form.attrs["name"] == "input"
    assert form.attrs["method"] == "post"
    assert page.texts("div_fwversion") == ["21929-21929"]
    selected = [e.text for e in page.elements if "selected" in e.attrs]
    assert selected == ["01005e318002.1esy0060178981.sm"]


def test_footer(client: HanClient, gateway: PpcGateway) -> None:
    """Gateway time and last synchronisation in local time; both go on."""
    (text,) = client.post("meterform").page.texts("div_timestamp")
    assert text == "2026-05-12 10:07:00 (Letzte Synchronisation: 2026-05-12 09:58:00)"
    gateway.clock.advance(timedelta(minutes=8))
    (text,) = client.post("swversions").page.texts("div_timestamp")
    assert text == "2026-05-12 10:15:00 (Letzte Synchronisation: 2026-05-12 10:08:00)"


def test_another_meter_selected(client: HanClient) -> None:
    """``meterprofile`` is the list with another meter selected."""
    reply = client.post("meterprofile", mid=client.meters()[GAS])
    selected = [e.text for e in reply.page.elements if "selected" in e.attrs]
    assert selected == [f"01005e318002.{GAS}.sm"]


def test_first_reading(client: HanClient) -> None:
    """The stairwell meter shows 245.7540 kWh when the simulator starts."""
    reply = client.profile(STAIRS)
    assert column(reply, "wert") == ["245.7540"]
    assert column(reply, "einheit") == ["kWh"]
    assert column(reply, "obis") == ["1-0:1.8.0"]
    assert column(reply, "istvalide") == ["1"]
    assert column(reply, "name") == ["Bezug Zählerstand"]
    (stamp,) = column(reply, "timestamp")
    assert re.fullmatch(r"2026-05-12 10:00:0[1-5]", stamp)


def test_metadata(client: HanClient) -> None:
    """The second table of the content: label and value rows in order."""
    text = client.profile(GAS).text
    tables = text.split("class='content'")[1].split("<table")
    rows = re.findall(r"<td width=20%>(.*?)</td><td>(.*?)</td>", tables[2])
    assert [row[0] for row in rows] == [
        "Z&auml;hler-ID",
        "Name",
        "Beschreibung",
        "Kommunikationstyp",
        "Protokoll-Typ",
        "Protokoll-Version",
        "Ausleseintervall",
        "Abfrageversuche",
        "Z&auml;hleradresse",
        "Medium",
    ]
    assert rows[0][1] == f"{GAS}.sm"
    assert rows[6][1] == "3600"
    assert "id='metervalue'" in tables[3]


def test_household(client: HanClient, gateway: PpcGateway) -> None:
    """Four registers in one reading, each the truth; the parts make the sum."""
    reply = client.profile(HOUSE)
    assert column(reply, "obis") == ["1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.0"]
    assert len(set(column(reply, "timestamp"))) == 1
    values = [Decimal(value) for value in column(reply, "wert")]
    assert values[0] == values[1] + values[2]
    at = gateway.clock.now() - timedelta(minutes=7)
    for obis, value in zip(column(reply, "obis"), values, strict=True):
        assert gateway.true_register(HOUSE, obis, at) == value


def test_new_reading_each_quarter_hour(client: HanClient, gateway: PpcGateway) -> None:
    """A new reading is in a few seconds after the quarter hour."""
    gateway.clock.advance(timedelta(minutes=8, seconds=0.5))
    assert column(client.profile(STAIRS), "wert") == ["245.7540"]
    gateway.clock.advance(timedelta(seconds=5))
    reply = client.profile(STAIRS)
    assert column(reply, "timestamp")[0].startswith("2026-05-12 10:15:0")
    assert Decimal(column(reply, "wert")[0]) > Decimal("245.7540")


def test_gas_is_hourly(client: HanClient) -> None:
    """The gas meter's newest reading is of the full hour, in m3."""
    reply = client.profile(GAS)
    assert column(reply, "timestamp")[0].startswith("2026-05-12 10:00:0")
    assert column(reply, "einheit") == ["m3"]
    assert column(reply, "obis") == ["7-0:3.0.0"]


@pytest.mark.parametrize(
    ("name", "meters", "registers"),
    [("none", 0, 0), ("one", 1, 1), ("two", 2, 5), ("feed_in", 1, 1), ("taf10", 1, 16)],
)
def test_scenarios(
    start: Start, connect: Connect, name: str, meters: int, registers: int
) -> None:
    """The ready sets: none, one, two, feed-in only, sixteen values."""
    client = connect(start(scenario=SCENARIOS[name]()))
    client.login()
    listed = client.meters()
    assert len(listed) == meters
    seen = [o for m in listed for o in column(client.profile(m), "obis")]
    assert len(seen) == registers
    if name == "feed_in":
        assert seen == ["1-0:2.8.0"]


def test_sixteen_values(start: Start, connect: Connect) -> None:
    """Power, voltages, currents, angles, frequency with their units."""
    client = connect(start(scenario=SCENARIOS["taf10"]()))
    client.login()
    reply = client.profile("1itr0078901234")
    units = column(reply, "einheit")
    assert {"kWh", "W", "V", "A", "°", "Hz"} == set(units)
    values = dict(zip(column(reply, "obis"), column(reply, "wert"), strict=True))
    assert 220 < Decimal(values["1-0:32.7.0"]) < 240
    assert 49 < Decimal(values["1-0:14.7.0"]) < 51


def test_changes_at_run_time(client: HanClient, gateway: PpcGateway) -> None:
    """Meters and registers come and go; rows can be bent."""
    meters = gateway.scenario.meters
    meters.add_meter("1new0000000001", ["1-0:1.8.0"], new=True)
    meters.add_register(STAIRS, "1-0:2.8.0")
    meters.remove_meter(GAS)
    listed = client.meters()
    assert "1new0000000001" in listed
    assert GAS not in listed
    gateway.override(STAIRS, "1-0:2.8.0", wert="1e9999", istvalide="2", einheit="x")
    gateway.override(
        STAIRS,
        "1-0:1.8.0",
        zeitstempel="2099-01-01 00:00:00",
        obis_text="<b>",
        name="n",
    )
    meters.duplicate_rows(STAIRS, "1-0:2.8.0")
    reply = client.profile(STAIRS)
    assert column(reply, "wert") == ["245.7540", "1e9999", "1e9999"]
    assert column(reply, "istvalide") == ["1", "2", "2"]
    assert column(reply, "einheit") == ["kWh", "x", "x"]
    assert column(reply, "timestamp")[0] == "2099-01-01 00:00:00"
    assert column(reply, "obis") == ["<b>", "1-0:2.8.0", "1-0:2.8.0"]
    meters.clear_overrides()
    assert column(client.profile(STAIRS), "obis") == ["1-0:1.8.0", "1-0:2.8.0"]
