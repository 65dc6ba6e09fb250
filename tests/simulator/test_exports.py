"""Signed exports: signature, content, refusals."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
import subprocess

import pytest

from simulator.ppc import PpcGateway
from simulator.ppc.cms_profiles import FAKE_PASSWORD

from .client import HanClient, Reply
from .cms import EXTENSION as E, GENERIC as G, parsed, verified
from .conftest import HOUSE, STAIRS
from .test_tariff import tid_of


def export(client: HanClient, begin: str, end: str, meter: str = HOUSE) -> Reply:
    """Export meter values."""
    mid = client.value_mid(meter)
    return client.post("exportMeterValues", mid=mid, from_=begin, to=end)


def test_values(client: HanClient, gateway: PpcGateway, tmp_path: Path) -> None:
    """Every value of a day with its UTC time is the truth; newest first."""
    reply = export(client, "2026-05-11", "2026-05-11")
    disposition = f'attachment; filename="{HOUSE}.sm_data.xml.cms"'
    assert reply.headers["Content-Disposition"] == disposition
    root = parsed(reply.body, tmp_path)
    assert root.tag == f"{G}object"
    assert root.attrib == {"id": f"01005e31803c.{HOUSE}.sm", "class_id": "7"}
    captures = {
        c.attrib["id"]: c.findtext(f"{E}logical_name")
        for c in root.iter(f"{G}capture_object")
    }
    assert captures["1"] == f"0100010800ff.{HOUSE}.sm"
    assert captures["4"] == f"0100020800ff.{HOUSE}.sm"
    column = next(c for c in root.iter(f"{G}column") if c.attrib["id"] == "4")
    entries = list(column.iter(f"{G}entry_gateway_signed"))
    assert int(column.attrib["count"]) == len(entries) == 96
    times = [
        datetime.fromisoformat(e.findtext(f"{E}capture_time") or "") for e in entries
    ]
    assert times == sorted(times, reverse=True)
    for entry, at in zip(entries, times, strict=True):
        raw = Decimal(entry.findtext(f"{E}value/{E}long64") or "")
        scaler = int(entry.findtext(f"{E}scaler") or "")
        assert entry.findtext(f"{E}unit") == "30"
        assert entry.findtext(f"{E}status/{E}unsigned") == "0"
        assert entry.findtext(f"{E}smgw_signature")
        value = raw.scaleb(scaler) / 1000
        assert value == gateway.true_register(HOUSE, "1-0:2.8.0", at)


def test_october_hour(client: HanClient, tmp_path: Path) -> None:
    """100 quarter hours, all with different UTC times."""
    reply = export(client, "2025-10-26", "2025-10-26", STAIRS)
    times = [t.text for t in parsed(reply.body, tmp_path).iter(f"{E}capture_time")]
    assert len(set(times)) == 100


def test_tampering_shows(client: HanClient, tmp_path: Path) -> None:
    """A changed digit breaks the signature."""
    body = export(client, "2026-05-12", "2026-05-12", STAIRS).body
    bad = body.replace(b"<ns2:scaler>-1", b"<ns2:scaler>-2", 1)
    assert bad != body
    with pytest.raises(subprocess.CalledProcessError):
        verified(bad, tmp_path)


def test_status_words(client: HanClient, gateway: PpcGateway, tmp_path: Path) -> None:
    """Invalid is 4, not present is 3."""
    at = gateway.clock.now().replace(minute=0)
    gateway.override(STAIRS, "1-0:1.8.0", at, istvalide="2")
    gateway.override(STAIRS, "1-0:1.8.0", at - timedelta(minutes=15), istvalide="3")
    root = parsed(export(client, "2026-05-12", "2026-05-12", STAIRS).body, tmp_path)
    words = [u.text for u in root.iter(f"{E}unsigned")]
    assert words[:3] == ["4", "3", "0"]


def test_any_mid_serves(client: HanClient) -> None:
    """A published client exports with the list's mid."""
    mid = client.meters()[STAIRS]
    dates = {"from_": "2026-05-12", "to": "2026-05-12"}
    assert client.post("exportMeterValues", mid=mid, **dates).body[:1] == b"\x30"


def test_refusals_are_bare(client: HanClient) -> None:
    """Nothing there: empty; bad date and bad id: the phrase alone."""
    assert export(client, "2020-01-01", "2020-01-02").body == b""
    reply = export(client, "1970-01-01", "2026-01-02")
    assert reply.text == "Ung&uuml;ltige Zeitangabe 'von (Datum)'"
    dates = {"from_": "2026-05-12", "to": "2026-05-12"}
    reply = client.post("exportMeterValues", mid="0" * 32, **dates)
    assert reply.text == "Parameterfehler"


def test_meter_profile(client: HanClient, tmp_path: Path) -> None:
    """The meter's set-up names its registers."""
    reply = client.post("exportMeterProfile", mid=client.meters()[HOUSE])
    root = parsed(reply.body, tmp_path)
    assert root.tag == "{urn:k461-dke-de:kaf_lmn_container-1}container"
    device = "{urn:k461-dke-de:abstract_device_setup-1}"
    assert next(root.iter(f"{device}samplerate")).text == "900"
    sensor = "{urn:k461-dke-de:e_meter_sensor_setup-1}value"
    codes = [v.text for v in root.iter(sensor)]
    assert codes == ["0100010800ff", "0100010801ff", "0100010802ff", "0100020800ff"]


def test_contract_and_comm_profile(
    client: HanClient, gateway: PpcGateway, tmp_path: Path
) -> None:
    """The communication profile holds a password, but not the account's."""
    tid = tid_of(client, "Bezug Monat")
    reply = client.post("exportTariffProfile", tid=tid)
    assert b"Bezug Monat" in verified(reply.body, tmp_path)
    xml = verified(client.post("exportCommProfile").body, tmp_path).decode()
    assert f"<us:password>{FAKE_PASSWORD}</us:password>" in xml
    assert gateway.password not in xml
    assert "01005e318011.ecpr0099000001.sm" in xml
    assert client.post("commprofile").status == 200
