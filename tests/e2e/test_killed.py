"""A real Home Assistant, killed while a participant's commands and limits come in through the whole tunnel."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
import re
from threading import Event, Thread
import time
from typing import Any

from ha_client import HAClient, HAError
from home import Home
from participant import Proxy, add_participant
import pytest

from simulator.cls import World
from simulator.emt import ProblemError, Span
from simulator.emt.calls import Call, limit, post, set_item
from simulator.emt.home import Home as Homes
from simulator.ppc import PpcGateway
from tests.chaos.notes import Note, owed
from tests.chaos.promises import Broken

GATEWAY = "EPPC0210666666"
KILLS = 2
BASE = 300
"""Watts that the home draws whatever its wallbox does."""
FULL = 11_000
HOUR = Span(seconds=3600)
PAUSE = 1.05
"""Seconds between two commands: a participant may send sixty a minute."""
SUBENTRIES = "/api/config/config_entries/subentries/flow"
OPTIONS = "/api/config/config_entries/options/flow"

# Devices are files: they outlive Home Assistant, and keep each setting with its time.
DEVICES = """\
command_line:
  - sensor:
      name: Boiler shows
      unique_id: shows
      command: tail -n 1 {0}/boiler | cut -d ' ' -f 2
      scan_interval: 1
  - sensor:
      name: Wallbox power
      unique_id: power
      command: tail -n 1 {0}/wallbox | cut -d ' ' -f 2
      unit_of_measurement: W
      device_class: power
      scan_interval: 1
shell_command:
  boiler: sh {0}/set boiler {{{{ value }}}}
  wallbox: sh {0}/set wallbox {{{{ watts | float }}}}
template:
  - switch:
      - name: Boiler
        unique_id: boiler
        state: "{{{{ is_state('sensor.boiler_shows', '1') }}}}"
        availability: "{{{{ has_value('sensor.boiler_shows') }}}}"
        turn_on:
          - action: shell_command.boiler
            data:
              value: 1
          - action: homeassistant.update_entity
            target:
              entity_id: sensor.boiler_shows
        turn_off:
          - action: shell_command.boiler
            data:
              value: 0
          - action: homeassistant.update_entity
            target:
              entity_id: sensor.boiler_shows
  - number:
      - name: Wallbox
        unique_id: wallbox
        state: "{{{{ states('sensor.wallbox_power') }}}}"
        min: 0
        max: 11000
        step: 1
        unit_of_measurement: W
        set_value:
          - action: shell_command.wallbox
            data:
              watts: "{{{{ value }}}}"
  - sensor:
      - name: Grid
        unique_id: grid
        state: "{{{{ states('sensor.wallbox_power') | float + 300 }}}}"
        unit_of_measurement: W
        device_class: power
"""
SET = 'echo "$(date +%s.%N) $2" >> "$(dirname "$0")/$1"\n'


class Devices:
    """A boiler and a wallbox, outside of Home Assistant."""

    def __init__(self, folder: Path) -> None:
        """Plug them in; the wallbox draws all that it can."""
        self.folder = folder
        (folder / "set").write_text(SET)
        (folder / "boiler").write_text("0 0\n")
        (folder / "wallbox").write_text(f"0 {FULL}\n")

    def log(self, name: str) -> list[tuple[float, Decimal]]:
        """Return what a device was set to, and when."""
        lines = (self.folder / name).read_text().splitlines()
        return [(float(at), Decimal(value)) for at, value in map(str.split, lines)]

    def draws(self) -> Decimal:
        """Return the power of the whole home."""
        return BASE + self.log("wallbox")[-1][1]


class Sender(Thread):
    """The participant: switches the boiler on and off, and limits in between, each until it is answered."""

    def __init__(self, emt: Homes, switch: str) -> None:
        """Take the tunnel's end."""
        super().__init__(daemon=True)
        self.notes: list[Note] = []
        self.under_way = Event()
        self.over = Event()
        self.fault: Exception | None = None
        self._emt = emt
        self._switch = switch

    @property
    def switched(self) -> list[bool]:
        """Return what the boiler was told, one by one."""
        bodies = [note.call.body or {} for note in self.notes]
        return [body["value"] for body in bodies if "value" in body]

    def run(self) -> None:
        """Send."""
        try:
            while not self.over.wait(PAUSE):
                number = len(self.notes)
                if number % 3 == 2:
                    watts = (4200, 6000, 5000)[number // 3 % 3]
                    call = limit("consumption", HOUR, watts=watts, kind="para14a")
                else:
                    value = not (self.switched or [False])[-1]
                    call = set_item(self._switch, value, HOUR)
                self.send(call)
        except Exception as err:  # noqa: BLE001
            self.fault = err

    def send(self, call: Call) -> Note:
        """Send a command until it is answered, whatever happens to the home."""
        sent = time.time()
        self.under_way.set()
        while True:
            try:
                told = self._emt.surely(call, 240)
                break
            except ProblemError as problem:
                if problem.status != 503:
                    raise
                time.sleep(0.1)
        self.under_way.clear()
        self.notes.append(Note.of(call, sent, time.time(), told))
        return self.notes[-1]


class Shown(Thread):
    """Somebody who never stops looking at the limit that Home Assistant shows."""

    def __init__(self, home: Home, entity_id: str) -> None:
        """Take the entity."""
        super().__init__(daemon=True)
        self.seen: list[tuple[float, str]] = []
        self.over = Event()
        self._home = home
        self._entity_id = entity_id

    def run(self) -> None:
        """Look."""
        while not self.over.wait(0.1):
            try:
                shown = self._home.call(lambda ha: ha.state(self._entity_id))
            except OSError, HAError, TimeoutError:
                continue
            if shown != "unavailable":
                self.seen.append((time.time(), shown))


@pytest.fixture(autouse=True)
def quiet_log() -> None:
    """The shared Home Assistant is not needed."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Return a gateway's CLS proxy and a participant behind it."""
    with World(console_port=0, gateway_id=GATEWAY) as world:
        world.emt.every, world.emt.patience = 5.0, 1
        yield world


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Devices:
    """Return the devices."""
    return Devices(tmp_path_factory.mktemp("devices"))


@pytest.fixture(scope="module")
def mortal(
    tmp_path_factory: pytest.TempPathFactory, devices: Devices
) -> Iterator[Home]:
    """Return a Home Assistant of its own, to be killed."""
    home = Home(tmp_path_factory.mktemp("mortal"))
    try:
        with (home.config / "configuration.yaml").open("a") as file:
            file.write(DEVICES.format(devices.folder))
        home.start()
        yield home
    finally:
        home.stop()


async def options(ha: HAClient, entry_id: str, topic: str, **fields: Any) -> None:
    """Answer one topic of the options."""
    flow = await ha.rest("POST", OPTIONS, {"handler": entry_id})
    path = f"{OPTIONS}/{flow['flow_id']}"
    await ha.rest("POST", path, {"next_step_id": topic})
    done = await ha.rest("POST", path, fields)
    assert done["type"] == "create_entry", done


def set_up(home: Home, world: World, gateway: PpcGateway) -> str:
    """Add the gateway, the participant and a switch that drives the boiler; return its id."""
    told = {
        "console": world.console_url,
        "host": world.host,
        "socks_port": world.socks_port,
        "certificate": world.certificate_pem,
        "emts": [{"name": world.emt.name, "port": world.emt.port}],
    }
    process: Any = None  # it is this one
    proxy = Proxy(told=told, process=process)

    async def add(ha: HAClient) -> str:
        forms: tuple[dict[str, str], ...]
        forms = ({"host": gateway.url}, {}, {"next_step_id": "cls_only"}, {})
        entry_id = await ha.add_integration("smgw", *forms)
        assert entry_id is not None
        await options(
            ha, entry_id, "measured",
            source_consumption="sensor.grid",
            inverted_consumption=False, inverted_production=False, effect_minutes=3,
        )  # fmt: skip
        await options(
            ha, entry_id, "executor",
            direction="consumption", item="number.wallbox", mode="reduce",
            low=0, high=FULL, watts_per_unit=1,
        )  # fmt: skip
        await add_participant(ha, entry_id, proxy, home.config)
        added = await ha.ws("config_entries/subentries/list", entry_id=entry_id)
        (who,) = (one for one in added if one["subentry_type"] == "participant")
        flow = await ha.rest("POST", SUBENTRIES, {"handler": [entry_id, "switch"]})
        done = await ha.rest(
            "POST", f"{SUBENTRIES}/{flow['flow_id']}",
            {"name": "Heater", "drives": "switch.boiler", "participants": [who["subentry_id"]], "rest": "keep"},
        )  # fmt: skip
        assert done["type"] == "create_entry", done
        found = await ha.ws("config_entries/subentries/list", entry_id=entry_id)
        (switch,) = (one for one in found if one["title"] == "Heater")
        return str(switch["subentry_id"])

    return home.call(add)


def judge(
    emt: Homes, sender: Sender, seen: list[tuple[float, str]], devices: Devices
) -> None:
    """Count what was done twice, lost, or not limited; then everything is taken back and proven."""
    broken = Broken()
    notes, owing = sender.notes, [sender.notes]
    owing_moments = [at for at, _ in seen if owed(owing, at) is not None]
    assert len(owing_moments) > 20
    for at, state in seen:
        try:
            watts = Decimal(state)
        except InvalidOperation:
            watts = None
        broken.shown(f"{at}: {state}", watts, owed(owing, at))
    before = Decimal(FULL)
    for at, watts in devices.log("wallbox"):
        if watts > before:
            broken.drawn(str(at), BASE + watts, owed(owing, at))
        before = watts
    # Each command says the opposite of the one before it: one that is done twice, late or never is seen.
    done = [value == 1 for _, value in devices.log("boiler")][1:]
    assert done == sender.switched
    told = sender.send(post("/release", {}))
    assert told.verdict == "possible"
    for note in notes:
        known = emt.command(note.call.transaction)
        if len(known["receipts"]) != 1 or known["verdict"] != note.verdict:
            broken.lost.append(f"{note.call.path}: {known}")
        elif not emt.keep(known["receipts"][0]).good:
            broken.other.append(f"{note.call.path}: its receipt is not good")
    report = emt.verify()
    broken.other += report.problems
    broken.judge()
    assert report.receipts >= len(notes)


def entities(registry: Path) -> set[str]:
    """Return the entities that Home Assistant has written down."""
    if not registry.exists():
        return set()
    return set(re.findall(r'"entity_id":\s*"(.*?)"', registry.read_text()))


def more(home: Home, sender: Sender) -> None:
    """Wait until some more commands are answered."""
    enough = len(sender.notes) + 3
    home.wait_for(lambda: len(sender.notes) >= enough, 120)


@pytest.mark.timeout(600)
def test_killed_while_commands_come_in(
    mortal: Home, world: World, devices: Devices
) -> None:
    """It comes back limited; each command is done once and has its receipt; the load never drew more than was owed."""
    with PpcGateway(gateway_id=GATEWAY) as gateway:
        switch = set_up(mortal, world, gateway)
        emt = world.emt.wait_home(60)
        ids = mortal.call(lambda ha: ha.entity_ids("smgw"))
        (shown_by,) = (name for key, name in ids.items() if key.endswith("consumption_limit"))  # fmt: skip
        # Home Assistant writes down new entities after a while: until then it forgets them when it dies.
        kept = mortal.config / ".storage" / "core.entity_registry"
        needed = {"switch.boiler", "number.wallbox", shown_by}
        mortal.wait_for(lambda: needed <= entities(kept), 200)
        sender, shown = Sender(emt, switch), Shown(mortal, shown_by)
        sender.start()
        shown.start()
        mortal.wait_for(lambda: len(sender.notes) >= 4)
        mortal.wait_for(lambda: devices.draws() <= 4200)
        for _ in range(KILLS):
            more(mortal, sender)
            sender.under_way.clear()
            assert sender.under_way.wait(30)
            mortal.kill_and_start()
            mortal.wait_for(lambda: emt.connected)
        more(mortal, sender)
        sender.over.set()
        sender.join(60)
        assert sender.fault is None, sender.fault
        shown.over.set()
        shown.join(60)
        judge(emt, sender, shown.seen, devices)
