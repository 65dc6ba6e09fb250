"""Start, stop, clock, command line, scenario files."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from simulator.box import BoxGateway
from simulator.cli import Gateway, _gateway, _parser
from simulator.emh import EmhGateway
from simulator.faults import parse_fault
from simulator.ppc import PpcGateway, SimClock
from simulator.ppc.faults import PPC_FAULTS
from simulator.scenario import load
from simulator.theben import ThebenGateway

from .client import HanClient
from .conftest import NOW, STAIRS, Connect, Start

ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)
OTHER: dict[str, type[BoxGateway]] = {"theben": ThebenGateway, "emh": EmhGateway}
FIRST_PATH = {
    "ppc": "/cgi-bin/hanservice.cgi",
    "theben": "/smgw/m2m",
    "emh": "/json/systeminformations",
}
type Program = subprocess.Popen[str]


def command(*arguments: str) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "simulator", "ppc", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the simulator as a program that ends by itself."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.fixture
def program() -> Iterator[Program]:
    """Return a simulator as a program, ready."""
    with subprocess.Popen(
        command(
            "--port", "0", "--password", "secret-word", "--fault", "slow:seconds=0.01"
        ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_program(socket_enabled: None, program: Program) -> None:
    """One JSON line, a log without secrets, a clean end."""
    assert program.stdout is not None
    began = time.monotonic()
    ready = json.loads(program.stdout.readline())
    assert time.monotonic() - began < 5
    assert set(ready) == {
        *("vendor", "url", "gateway_id", "fingerprint", "user", "password")
    }
    host, _, port = ready["url"].removeprefix("https://").partition(":")
    with socket.create_connection((host, int(port)), 5):
        pass
    subprocess.run(
        [
            *("curl", "--silent", "--insecure", "--digest", "--user"),
            *(f"{ready['user']}:{ready['password']}",),
            f"{ready['url']}/cgi-bin/hanservice.cgi",
        ],
        capture_output=True,
        check=True,
        timeout=20,
    )
    program.send_signal(signal.SIGTERM)
    rest, log = program.communicate(timeout=10)
    assert program.returncode == 0
    assert rest == ""
    assert "GET /cgi-bin/hanservice.cgi action=- status=200 authenticated=yes" in log
    assert "secret-word" not in log
    assert "response=" not in log


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--port", "70000"), "is not a port"),
        (("--meters", "/nowhere.json"), "cannot read /nowhere.json"),
        (("--fault", "nonsense"), "unknown fault 'nonsense'"),
        (("--fault", "slow:speed=1"), "no parameter 'speed'"),
        (("--fault", "slow:seconds"), "expected key=value"),
        (("--clock", "noon"), "noon"),
        (("--client-p12", "/nowhere/c.p12"), "cannot write /nowhere/c.p12"),
        (("--curve", "secp521r1"), "invalid choice"),
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1:0"),
        (("--announce",), "this gateway does not announce itself"),
    ],
)
def test_one_line_and_code_2(arguments: tuple[str, ...], reason: str) -> None:
    """Every failure to start is one line."""
    done = run("--port", "0", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_port_in_use(gateway: PpcGateway) -> None:
    """A used port is one line too; in a test it is an OSError."""
    done = run("--port", str(gateway.port))
    assert done.returncode == 2
    assert "Address already in use" in done.stderr
    with pytest.raises(OSError, match="in use"):
        PpcGateway(port=gateway.port).start()


def test_list_faults() -> None:
    """The table has one line for each fault."""
    done = run("--list-faults")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(PPC_FAULTS)


def test_script() -> None:
    """The script finds an environment."""
    done = subprocess.run(
        [ROOT / "script/simulator", "ppc", "--list-faults"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert "han_hang" in done.stdout


def test_stop_ends_the_thread(socket_enabled: None) -> None:
    """After stop nothing listens and no thread is left; twice is harmless."""
    before = threading.active_count()
    with PpcGateway() as gateway:
        port = gateway.port
        assert threading.active_count() == before + 1
        with pytest.raises(RuntimeError):
            gateway.start()
    gateway.stop()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_stop_is_quick(socket_enabled: None, connect: Connect) -> None:
    """Open and hanging connections do not hold it up."""
    gateway = PpcGateway().start()
    client: HanClient = connect(gateway)
    client.login()
    gateway.faults.add("hang_tcp")
    with socket.create_connection((gateway.host, gateway.port), 5):
        began = time.monotonic()
        gateway.stop()
    assert time.monotonic() - began < 1


def test_start_again(start: Start, connect: Connect) -> None:
    """A stopped gateway starts again on the same port."""
    gateway = start()
    port = gateway.port
    gateway.stop()
    gateway.start()
    assert gateway.port == port
    assert connect(gateway).login().status == 200


def test_anchor(start: Start) -> None:
    """A second gateway goes on where the first one ended."""
    first = start()
    anchor = first.clock.now()
    later = anchor + timedelta(days=3)
    second = start(clock=SimClock(later), anchor=anchor)
    for at in (anchor - timedelta(days=40), anchor, later):
        values = {g.true_register(STAIRS, "1-0:1.8.0", at) for g in (first, second)}
        assert len(values) == 1


def test_clock() -> None:
    """Follows the machine, stands when set, runs on if asked."""
    clock = SimClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    at = datetime(2030, 1, 1, tzinfo=UTC)
    clock.set(at)
    time.sleep(0.02)
    assert clock.now() == at
    clock.advance(timedelta(hours=1))
    assert clock.now() == at + timedelta(hours=1)
    running = SimClock(at, running=True)
    time.sleep(0.02)
    assert at < running.now() < at + timedelta(seconds=5)
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2030, 1, 1))


def test_example_scenario(start: Start, connect: Connect) -> None:
    """The example file works."""
    scenario = load(ROOT / "simulator/scenarios/household.json")
    client = connect(start(scenario=scenario))
    client.login()
    reply = client.profile("1emh0012345678")
    values = reply.page.texts("table_metervalues_col_wert")
    assert values[:2] == ["12345.6780", "9876.5430"]
    assert len(values) == 3
    assert list(client.post("tariffform").page.options()) == ["TAF7_OCT_B+E"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not a scenario file"),
        ("[]", "is not a scenario file"),
        ("{}", "meters is missing"),
        ('{"meters": [{"id": "1"}]}', "registers is missing"),
        ('{"meters": [{"id": "1", "registers": [{}]}]}', "obis is missing"),
        (
            '{"meters": [{"id": "1", "registers": [{"obis": "x", "start": "a"}]}]}',
            "is not a scenario file",
        ),
        (
            '{"meters": [{"id": "1", "interval": 7, "registers": []}]}',
            "whole minutes",
        ),
    ],
)
def test_bad_scenario_files(tmp_path: Path, text: str, reason: str) -> None:
    """One sentence says what is wrong."""
    path = tmp_path / "meters.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        load(path)


def test_parse_fault() -> None:
    """Numbers become numbers."""
    assert parse_fault("slow") == ("slow", {})
    assert parse_fault("redirect:to=http://x/,times=2") == (
        "redirect",
        {"to": "http://x/", "times": 2},
    )
    assert parse_fault("slow:seconds=0.5")[1] == {"seconds": 0.5}


@pytest.mark.parametrize("vendor", ["theben", "emh"])
def test_other_vendors(socket_enabled: None, vendor: str) -> None:
    """The same options, the same ready line, a fault table of its own."""
    arguments = [sys.executable, "-m", "simulator", vendor]
    with subprocess.Popen(
        [*arguments, "--port", "0", "--fault", "stale_values", "--user", "me"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (ready["vendor"], ready["user"]) == (vendor, "me")
    assert ready["gateway_id"] == OTHER[vendor].default_id
    done = subprocess.run(
        [*arguments, "--list-faults"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == len(OTHER[vendor].fault_table)
    assert done.stdout.count("\t") == len(OTHER[vendor].fault_table)


@pytest.mark.parametrize("vendor", ["ppc", "theben", "emh"])
def test_client_p12(socket_enabled: None, tmp_path: Path, vendor: str) -> None:
    """The program makes a client key that lets the user in."""
    path = tmp_path / "consumer.p12"
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "simulator", vendor, "--port", "0"),
            *("--client-p12", str(path), "--client-p12-password", "geheim"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        subprocess.run(
            [
                *("curl", "--silent", "--insecure", "--cert", f"{path}:geheim"),
                *("--cert-type", "P12", "--header", "Content-Type: application/json"),
                ready["url"] + FIRST_PATH[vendor],
            ],
            capture_output=True,
            check=True,
            timeout=20,
        )
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
    assert "authenticated=yes" in log
    assert "status=401" not in log
    assert "geheim" not in log
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("vendor", ["theben", "emh"])
def test_other_vendors_stop(socket_enabled: None, vendor: str) -> None:
    """No thread is left; a start again, an anchor, a scenario file."""
    before = threading.active_count()
    scenario = load(ROOT / "simulator/scenarios/household.json")
    clock = SimClock(NOW)
    gateway = OTHER[vendor](scenario=scenario, clock=clock, anchor=NOW)
    gateway.start()
    gateway.stop()
    gateway.start()
    gateway.stop()
    assert threading.active_count() == before
    value = gateway.true_register("1emh0012345678", "1-0:1.8.0", NOW - HOUR * 7 / 60)
    assert str(value) == "12345.6780"


def test_kept_certificate(tmp_path: Path) -> None:
    """A certificate kept in a file is shown again; a damaged file is named."""
    kept = tmp_path / "gateway.pem"

    def gateway() -> Gateway:
        return _gateway(
            _parser().parse_args(["ppc", "--port", "0", "--certificate", str(kept)])
        )

    first = gateway().certificate
    assert kept.stat().st_mode & 0o777 == 0o600
    assert gateway().certificate == first
    kept.write_text("nothing of the kind")
    with pytest.raises(ValueError, match="holds no certificate"):
        gateway()
