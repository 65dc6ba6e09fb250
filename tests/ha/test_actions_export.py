"""Exports: written, fetched over HTTP by a signed address, and read again."""

import csv
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from http import HTTPStatus
from io import BytesIO, StringIO
from pathlib import Path
import shutil
import subprocess
from typing import Any
from zipfile import ZipFile

from aiohttp.test_utils import TestClient
from cryptography.hazmat.primitives.serialization import Encoding
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.smgw import downloads
from custom_components.smgw.const import CONF_INTERVAL, CONF_LOG_READING
from custom_components.smgw.export import cms
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from simulator.ppc import PpcGateway

from .calling import HOUSE, IMPORT, QUARTER, act, device, moment
from .conftest import FREE, MAKERS, START, Timeline, make_entry, restart, set_up

DAY = timedelta(days=1)
END = START.replace(minute=0)
PPC = pytest.mark.parametrize("box", [PpcGateway], indirect=True)


@pytest.fixture
def gateway(box: Any) -> Any:
    """A simulated gateway of each maker."""
    return box


def folder(hass: HomeAssistant) -> Path:
    """Return where the files lie."""
    return Path(hass.config.cache_path(downloads.FOLDER))


async def export(
    hass: HomeAssistant, entry: MockConfigEntry, kind: str, **data: Any
) -> dict[str, Any]:
    """Export a day of the household, or what else is asked for."""
    asked = {"start": (END - DAY).isoformat(), "end": END.isoformat(), **data}
    return await act(
        hass, "export", device_id=device(hass, entry, HOUSE), format=kind, **asked
    )


async def fetch(client: TestClient, answer: dict[str, Any]) -> bytes:
    """Download a file and hold it against what was said of it."""
    response = await client.get(answer["url"])
    assert response.status == HTTPStatus.OK
    content = await response.read()
    assert len(content) == answer["size"]
    assert sha256(content).hexdigest() == answer["sha256"]
    said = response.headers["Content-Disposition"]
    assert said == f'attachment; filename="{answer["name"]}"'
    assert response.headers["Cache-Control"] == "no-store"
    return content


def openssl(container: bytes, folder: Path) -> bytes:
    """Return what openssl finds in a container whose signature is right."""
    file, inner = folder / "values.cms", folder / "values.xml"
    file.write_bytes(container)
    said = ["openssl", "cms", "-verify", "-noverify", "-binary", "-inform", "DER"]
    subprocess.run([*said, "-in", file, "-out", inner], check=True, capture_output=True)
    return inner.read_bytes()


def true(gateway: Any, code: str, when: datetime) -> Decimal:
    """Return what a register of the household really was."""
    return Decimal(gateway.true_register(HOUSE, code, when))


async def test_table(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any, stranger: TestClient
) -> None:
    """A row for each reading, those of both ends included."""
    answer = await export(hass, free, "csv", register=IMPORT)
    assert answer["name"] == f"{HOUSE}_20261119-20261120.csv"
    assert answer["left_out"] == 0
    content = (await fetch(stranger, answer)).decode()
    rows = list(csv.DictReader(StringIO(content)))
    assert [datetime.fromisoformat(row["target_time_utc"]) for row in rows] == [
        END - DAY + n * QUARTER for n in range(97)
    ]
    for row in rows:
        when = datetime.fromisoformat(row["target_time_utc"])
        assert Decimal(row["value"]) == true(gateway, IMPORT, when)
        assert datetime.fromisoformat(row["target_time_local"]) == when
        assert (row["meter"], row["obis"]) == (HOUSE.upper(), "0100010800ff")


async def test_german_table(
    hass: HomeAssistant, free: MockConfigEntry, gateway: Any, stranger: TestClient
) -> None:
    """For spreadsheets: semicolon, decimal comma."""
    content = await fetch(stranger, await export(hass, free, "csv_german"))
    rows = list(csv.DictReader(StringIO(content.decode("utf-8-sig")), delimiter=";"))
    last = rows[96]
    assert last["obis"] == "0100010800ff"
    assert "," in last["value"]
    assert Decimal(last["value"].replace(",", ".")) == true(gateway, IMPORT, END)


@PPC
async def test_original(
    hass: HomeAssistant,
    free: MockConfigEntry,
    gateway: PpcGateway,
    stranger: TestClient,
    tmp_path: Path,
) -> None:
    """The container as the gateway signed it; openssl agrees, and finds the values."""
    answer = await export(hass, free, "original")
    assert answer["seal"]["verdict"] == "intact_known"
    assert answer["seal"]["signer"] == f"CN={gateway.gateway_id}.sign"
    assert answer["name"].endswith(".xml.cms")
    container = await fetch(stranger, answer)
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    inner = openssl(container, tmp_path)
    assert inner == cms.open_signed(container).content
    assert HOUSE.encode() in inner


@PPC
async def test_originals(
    hass: HomeAssistant, free: MockConfigEntry, stranger: TestClient
) -> None:
    """A longer span comes in several containers, so in an archive."""
    start = END - timedelta(days=40)
    answer = await export(hass, free, "original", start=start.isoformat())
    assert answer["seal"]["verdict"] == "intact_known"
    with ZipFile(BytesIO(await fetch(stranger, answer))) as archive:
        names = archive.namelist()
        assert len(names) == 2
        assert all(cms.open_signed(archive.read(name)).intact for name in names)


@PPC
async def test_the_first_signer_is_remembered(
    hass: HomeAssistant, gateway: PpcGateway, timeline: Timeline
) -> None:
    """Over a restart as well; the log is signed by the same, so here it is not read."""
    entry = make_entry(gateway, **{CONF_INTERVAL: 60, CONF_LOG_READING: "never"})
    await set_up(hass, entry)
    await timeline.go_to(FREE)
    first = await export(hass, entry, "original")
    assert first["seal"]["first_seen_now"] is True
    await restart(hass, entry, timeline)
    await timeline.pass_by(minutes=20)
    again = await export(hass, entry, "original")
    assert again["seal"] == {**first["seal"], "first_seen_now": False}


@pytest.fixture
def first_seen(hass_storage: dict[str, Any], gateway: Any) -> None:
    """Another key than the gateway's was the first one seen."""
    key = f"smgw.{gateway.gateway_id.lower()}"
    hass_storage[key] = {"version": 1, "key": key, "data": {"signer": "0" * 64}}


@PPC
@pytest.mark.usefixtures("first_seen")
async def test_another_signer(
    hass: HomeAssistant,
    hourly: MockConfigEntry,
    gateway: PpcGateway,
    timeline: Timeline,
) -> None:
    """A key that is not the one first seen is told."""
    await set_up(hass, hourly)
    for number, kind in enumerate(("original", "csv")):
        # Originals are kept by themselves: each needs a session.
        await timeline.go_to(FREE + number * timedelta(minutes=14))
        seal = (await export(hass, hourly, kind))["seal"]
        assert seal["verdict"] == "intact_unknown"
        assert "the signer is not known" in seal["text"]
        assert seal["first_seen_now"] is False


@PPC
async def test_broken(
    hass: HomeAssistant,
    free: MockConfigEntry,
    gateway: PpcGateway,
    stranger: TestClient,
    timeline: Timeline,
    tmp_path: Path,
) -> None:
    """What was changed on its way is not used; its owner may show it to somebody.

    openssl does not believe it either.
    """
    gateway.faults.add("cms_broken")
    with pytest.raises(HomeAssistantError) as error:
        await export(hass, free, "csv")
    assert error.value.translation_key == "signature_broken"
    await timeline.go_to(FREE + timedelta(minutes=14))
    answer = await export(hass, free, "original")
    assert answer["name"].endswith(".xml.cms")
    assert answer["seal"]["verdict"] == "broken"
    assert answer["seal"]["first_seen_now"] is False
    container = await fetch(stranger, answer)
    assert not cms.open_signed(container).intact
    if shutil.which("openssl"):
        with pytest.raises(subprocess.CalledProcessError):
            openssl(container, tmp_path)
    # Once it is over, it is read anew.
    gateway.faults.clear()
    await timeline.pass_by(minutes=40)
    await timeline.pass_by(minutes=20)
    answer = await export(hass, free, "csv")
    assert answer["seal"]["verdict"] == "intact_known"


@pytest.mark.parametrize("box", MAKERS[1:], indirect=True)
async def test_no_original(hass: HomeAssistant, free: MockConfigEntry) -> None:
    """The makers with a JSON interface sign no files."""
    with pytest.raises(ServiceValidationError) as error:
        await export(hass, free, "original")
    assert error.value.translation_key == "no_original"
    assert not list(folder(hass).glob("*"))


@PPC
async def test_nobody_else_fetches_it(
    hass: HomeAssistant,
    free: MockConfigEntry,
    stranger: TestClient,
    timeline: Timeline,
) -> None:
    """The address counts with its signature, as it is, for ten minutes."""
    answer = await export(hass, free, "csv")
    path, _, signature = answer["url"].partition("?")
    assert path.startswith("/api/smgw/download/")
    assert moment(answer["url_valid_until"]) - FREE == timedelta(minutes=10)
    for url in (path, f"{path}?{signature[:-4]}AAAA", f"{path}x?{signature}"):
        assert (await stranger.get(url)).status == HTTPStatus.UNAUTHORIZED
    assert (await stranger.get(answer["url"])).status == HTTPStatus.OK
    timeline.jump(FREE + timedelta(minutes=10, seconds=1))
    assert (await stranger.get(answer["url"])).status == HTTPStatus.UNAUTHORIZED


@PPC
async def test_private_and_gone_after_a_day(
    hass: HomeAssistant,
    free: MockConfigEntry,
    stranger: TestClient,
    timeline: Timeline,
) -> None:
    """Only we read the folder; nothing of it is served, and a day later it is empty."""
    answer = await export(hass, free, "csv")
    (file,) = folder(hass).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder(hass).stat().st_mode & 0o777 == 0o700
    assert "www" not in file.parts
    assert moment(answer["kept_until"]) == FREE + DAY
    await timeline.go_to(FREE + DAY - timedelta(minutes=1))
    assert file.exists()
    await timeline.go_to(FREE + DAY + timedelta(minutes=1))
    assert not file.exists()
    assert (await stranger.get(answer["url"])).status == HTTPStatus.UNAUTHORIZED


@PPC
async def test_gone_with_the_gateway(
    hass: HomeAssistant, free: MockConfigEntry, stranger: TestClient
) -> None:
    """An entry that is deleted takes its files with it."""
    answer = await export(hass, free, "csv")
    (file,) = folder(hass).iterdir()
    await hass.config_entries.async_remove(free.entry_id)
    assert not file.exists()
    assert (await stranger.get(answer["url"])).status == HTTPStatus.NOT_FOUND


@PPC
async def test_gone_after_a_restart(
    hass: HomeAssistant, hourly: MockConfigEntry
) -> None:
    """What an earlier run has left is removed at the start: no address leads to it."""
    folder(hass).mkdir(parents=True)
    left = folder(hass) / "left"
    left.write_bytes(b"a household's quarter hours")
    await set_up(hass, hourly)
    assert not left.exists()


async def test_nothing_kept(hass: HomeAssistant, free: MockConfigEntry) -> None:
    """A span before everything."""
    with pytest.raises(ServiceValidationError) as error:
        await export(
            hass, free, "csv", start="2019-01-01 00:00:00", end="2019-01-02 00:00:00"
        )
    assert error.value.translation_key == "nothing_kept"


async def choose_roots(
    hass: HomeAssistant, entry: MockConfigEntry, text: str
) -> dict[str, Any]:
    """Enter certificates in the options."""
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    for choice in ({"next_step_id": "signer"}, {"signer_roots": text}):
        result = await hass.config_entries.options.async_configure(
            flow["flow_id"], choice
        )
    return dict(result)


@PPC
@pytest.mark.usefixtures("first_seen")
async def test_roots_of_the_owner(
    hass: HomeAssistant,
    hourly: MockConfigEntry,
    gateway: PpcGateway,
    hass_client_no_auth: ClientSessionGenerator,
    timeline: Timeline,
) -> None:
    """A key that is not the first one is known if a certificate of the owner's vouches for it."""
    await set_up(hass, hourly)
    await timeline.go_to(FREE)
    stranger = await hass_client_no_auth()
    answer = await export(hass, hourly, "original")
    assert answer["seal"]["verdict"] == "intact_unknown"
    signer = cms.open_signed(await fetch(stranger, answer)).signer
    assert signer is not None
    own = signer.public_bytes(Encoding.PEM).decode()

    for bad in ("none", own[:200]):
        result = await choose_roots(hass, hourly, bad)
        assert result["errors"] == {"signer_roots": "not_certificates"}
    hour = FREE
    # Another's vouches for nobody.
    for text, verdict in (
        (gateway.certificate_pem, "intact_unknown"),
        (own, "intact_known"),
    ):
        result = await choose_roots(hass, hourly, text)
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert hourly.options[CONF_INTERVAL] == 60
        hour += timedelta(hours=1)
        await timeline.go_to(hour)
        await timeline.go_to(hour + timedelta(minutes=14))
        seal = (await export(hass, hourly, "original"))["seal"]
        assert seal["verdict"] == verdict
    await choose_roots(hass, hourly, "")
    assert hourly.options == {CONF_INTERVAL: 60}
