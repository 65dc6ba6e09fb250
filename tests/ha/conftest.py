"""A simulated gateway, an entry for it, and Home Assistant set up with both."""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
import logging
from pathlib import Path
import shutil
import tempfile
import threading
import time
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from aiohttp import FormData
from aiohttp.test_utils import TestClient
from freezegun import api as freezegun_api
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.smgw import downloads, gentle, importer
from custom_components.smgw.const import CONF_INTERVAL, DOMAIN
from custom_components.smgw.han import transport
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
from simulator.clock import SimClock
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway

# A winter morning: 10:07 in Berlin, the newest reading is of 10:00.
START = datetime(2026, 11, 20, 9, 7, tzinfo=UTC)
# The floor has passed since the set-up's session, and an hourly poll has not come.
FREE = START + timedelta(minutes=14)
MAKERS = (PpcGateway, ThebenGateway, EmhGateway)


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Write files, e.g. ledgers, into a folder of the test's own, in which nobody has written."""
    shutil.rmtree(Path(hass_tmp_config_dir, ".storage"), ignore_errors=True)
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def custom_integration(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """Let Home Assistant load ours. A recorder has to be there before it; else a clock that stands."""
    if "recorder_mock" in request.fixturenames:
        # Its fixtures have it print each statement.
        caplog.set_level(logging.WARNING, "sqlalchemy.engine")
        request.getfixturevalue("recorder_mock")
    else:
        request.getfixturevalue("clock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
async def berlin(custom_integration: None, hass: HomeAssistant) -> None:
    """Live where the gateways are."""
    await hass.config.async_set_time_zone("Europe/Berlin")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask slice after slice: frozen loops know no sleep."""
    monkeypatch.setattr(gentle, "PAUSE", timedelta(0))


@pytest.fixture(autouse=True)
def downloads_of_this_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep files that wait for a download apart: all tests share a configuration."""
    monkeypatch.setattr(downloads, "FOLDER", str(tmp_path / downloads.FOLDER))


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls alone: nothing of the past is asked for."""
    monkeypatch.setattr(importer, "KEPT", timedelta(0))


@pytest.fixture(autouse=True)
def past(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Want as much as the mark says: years take the recorder of this version minutes."""
    if mark := request.node.get_closest_marker("past"):
        monkeypatch.setattr(importer, "KEPT", timedelta(**mark.kwargs))


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Snapshots that leave out what changes with every run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
def clock(freezer: FrozenDateTimeFactory) -> SimClock:
    """The gateway's clock; Home Assistant's stands at the same time."""
    freezer.move_to(START)
    return SimClock(START)


@pytest.fixture
def gateway(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway: a PPC, or of the maker that a test names.

    It is started with the options of the mark `gateway`. Of its house there are the
    meters that the mark `meters` names, or all.
    """
    maker = getattr(request, "param", PpcGateway)
    options = request.node.get_closest_marker("gateway")
    with maker(clock=clock, **(options.kwargs if options else {})) as running:
        if mark := request.node.get_closest_marker("meters"):
            meters = running.scenario.meters
            for meter in list(meters):
                if meter.id not in mark.args:
                    meters.remove_meter(meter.id)
        yield running


@pytest.fixture(params=MAKERS)
def box(
    request: pytest.FixtureRequest, socket_enabled: None, clock: SimClock
) -> Generator[Any]:
    """A simulated gateway of each maker, or of those that a test names."""
    with request.param(clock=clock) as running:
        yield running


@pytest.fixture
def entry(gateway: PpcGateway) -> MockConfigEntry:
    """An entry as the flow makes it."""
    return make_entry(gateway)


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """The entry, set up and loaded."""
    await set_up(hass, entry)
    return entry


@pytest.fixture
def hourly(gateway: Any) -> MockConfigEntry:
    """An entry that is read each hour, so that there is room for a session."""
    return make_entry(gateway, **{CONF_INTERVAL: 60})


@pytest.fixture
async def free(
    hass: HomeAssistant, hourly: MockConfigEntry, timeline: Timeline
) -> MockConfigEntry:
    """That entry, loaded, when its gateway bears a session."""
    await set_up(hass, hourly)
    await timeline.go_to(FREE)
    return hourly


@pytest.fixture
async def stranger(hass_client_no_auth: ClientSessionGenerator) -> TestClient:
    """A browser that is not logged in."""
    return await hass_client_no_auth()


def make_entry(gateway: PpcGateway, **options: object) -> MockConfigEntry:
    """Return an entry for a gateway."""
    return entry_with(gateway, {gateway.user: gateway.password}, **options)


def entry_with(
    gateway: Any, passwords: Mapping[str, str], **options: object
) -> MockConfigEntry:
    """Return an entry with several logins, whose passwords are told by user."""
    return MockConfigEntry(
        domain=DOMAIN,
        title=gateway.gateway_id,
        unique_id=gateway.gateway_id,
        data={
            CONF_HOST: gateway.host,
            CONF_PORT: gateway.port,
            "vendor": gateway.gateway_id[1:4],
            "certificate": gateway.certificate_pem,
        },
        options=options,
        subentries_data=[
            ConfigSubentryData(
                data=MappingProxyType({CONF_USERNAME: user, CONF_PASSWORD: password}),
                subentry_type="login",
                title=user,
                unique_id=f"login_{user}",
            )
            for user, password in passwords.items()
        ],
    )


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Add an entry and set it up."""
    entry.add_to_hass(hass)
    result = await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


@pytest.fixture
def impatient(
    hass: HomeAssistant, clock: SimClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give up after seconds, not minutes; the clock stands, but time-outs run."""
    begin = time.monotonic()

    def passed() -> float:
        # Real time and, on top, what the clock is moved by; by its module, as a name
        # imported here would be frozen as well.
        return freezegun_api.real_monotonic() + time.monotonic() - begin

    monkeypatch.setattr(hass.loop, "time", passed)
    monkeypatch.setattr(
        transport, "TIMEOUTS", transport.Timeouts(connect=1, answer=2, farewell=1)
    )


class Timeline:
    """Moves Home Assistant's clock and the gateway's together."""

    def __init__(
        self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, clock: SimClock
    ) -> None:
        """Take both clocks."""
        self._hass = hass
        self._freezer = freezer
        self._clock = clock

    async def pass_by(self, **step: float) -> None:
        """Let time pass and everything due happen."""
        await self.go_to(dt_util.utcnow() + timedelta(**step))

    async def go_to(self, moment: datetime) -> None:
        """Jump to a moment and let everything due then come to its end."""
        self.jump(moment)
        await self._hass.async_block_till_done(wait_background_tasks=True)

    def jump(self, moment: datetime) -> None:
        """Jump to a moment; what is due then only starts."""
        self._clock.set(moment)
        self.jump_alone(moment)

    def jump_alone(self, moment: datetime) -> None:
        """The same, but the gateway's clock stands."""
        self._freezer.move_to(moment)
        async_fire_time_changed(self._hass, moment)

    async def breathe(self) -> None:
        """Let tasks run for a little real time; frozen loops know no sleep."""
        await self._hass.loop.run_in_executor(None, threading.Event().wait, 0.02)


@pytest.fixture
def timeline(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, clock: SimClock
) -> Timeline:
    """Both clocks."""
    return Timeline(hass, freezer, clock)


async def fresh_token(hass: HomeAssistant, user: MockUser) -> str:
    """Return an access token that is valid now; a test's own is soon too old."""
    token = await hass.auth.async_create_refresh_token(user, "https://owner.example")
    return hass.auth.async_create_access_token(token)


def enable(hass: HomeAssistant, unique_id: str) -> None:
    """Enable a sensor that waits disabled, before it is made."""
    er.async_get(hass).async_get_or_create("sensor", DOMAIN, unique_id)


async def restart(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Unload, forget all but what is on disk, and load again."""
    await shut_down(hass, entry, timeline)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def shut_down(
    hass: HomeAssistant, entry: MockConfigEntry, timeline: Timeline
) -> None:
    """Unload, and forget all but what is on disk."""
    # What is to be stored is stored in a moment.
    await timeline.pass_by(seconds=5)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    hass.data.pop(DOMAIN)
    hass.data.pop("smgw_keys", None)
    ir.async_get(hass).issues.clear()


@pytest.fixture
def upload(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Any:
    """Upload a file as the browser does; return its id."""
    # Home Assistant's folder for uploads has one name, whoever else runs tests.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def send(content: bytes, name: str = "zugang.p12") -> str:
        # logged in anew, as time may have passed
        token = await hass.auth.async_create_refresh_token(
            hass_admin_user, f"https://owner.example/{uuid4()}"
        )
        # As in Home Assistant's own server: views come at any time.
        monkeypatch.setattr(hass.http.app.router, "freeze", lambda: None)
        client = await hass_client(hass.auth.async_create_access_token(token))
        form = FormData()
        form.add_field("file", content, filename=name)
        response = await client.post("/api/file_upload", data=form)
        return str((await response.json())["file_id"])

    return send
