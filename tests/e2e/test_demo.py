"""``script/demo``, as its printed words invite to use it: the participant dims the home, and its receipt verifies."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
import json
import os
from pathlib import Path
import re
import shutil
import signal
import socket
import subprocess
import time
from typing import Any

from ha_client import HAClient
from ha_process import ROOT, free_port, port_is_free
from home import HARMLESS
import pytest

READY = "Ctrl-C stops everything."


@pytest.fixture(autouse=True)
def quiet_log() -> None:
    """The demo has a Home Assistant of its own; the shared one is not needed."""


class Demo:
    """A running demo, and what it has printed."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        """Wait until it says that it is ready."""
        self.process = process
        self.base = f"http://localhost:{port}"
        self.folder = ROOT / ".demo" / str(port)
        self.said = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.said += line
            if READY in line:
                break
        assert READY in self.said, self.said

    @property
    def console(self) -> str:
        """Return where a browser finds the participant's console."""
        found = re.search(r"A market participant +(http://\S+)", self.said)
        assert found is not None
        return found[1]

    @property
    def ports(self) -> set[int]:
        """Return all ports that it has named."""
        return {int(port) for port in re.findall(r":(\d{4,5})\b", self.said)}

    def emt(self, *words: str) -> Any:
        """Do something as the participant, with ``script/emt``; return what it says."""
        done = subprocess.run(
            ["script/emt", "--url", self.console, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout if words[0] == "audit" else json.loads(done.stdout)

    def states(self) -> dict[str, Any]:
        """Return the states of our entities, by the end of their unique ids."""

        async def ask() -> dict[str, Any]:
            async with HAClient(self.base) as ha:
                await ha.login("demo", "demo")
                names = await ha.entity_ids("smgw")
                states = {
                    s["entity_id"]: s for s in await ha.rest("GET", "/api/states")
                }
            # one that is disabled has no state
            return {
                unique_id.split("_", 1)[1]: states[entity_id]
                for unique_id, entity_id in names.items()
                if entity_id in states
            }

        # Playwright has a loop in this thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, ask()).result()

    def complaints(self) -> list[str]:
        """Return errors in Home Assistant's log, and whatever our integration has logged."""
        log = (self.folder / "config" / "home-assistant.log").read_text("utf-8")
        return [
            line
            for line in log.splitlines()
            if (" ERROR " in line or "smgw" in line)
            and not any(harmless in line for harmless in HARMLESS)
        ]


@contextmanager
def running(port: int) -> Iterator[subprocess.Popen[str]]:
    """Start the demo, and end it however the test ends."""
    process = subprocess.Popen(
        ["script/demo", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        try:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            # Only what it could not stop itself: its children are in groups of their own.
            for pid in (*descendants(process.pid), process.pid):
                if process.poll() is None:
                    os.kill(pid, signal.SIGKILL)
            assert process.stdout is not None
            process.stdout.close()
            process.wait()


def descendants(pid: int) -> list[int]:
    """Return all processes that a process has started, directly or not."""
    listing = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    parents = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, its in parents if its == parent]
    return found[1:]


@pytest.fixture
def demo(request: pytest.FixtureRequest, artifacts: Path) -> Iterator[Demo]:
    """Return a demo on ports of its own; its logs are kept if the test fails."""
    port = free_port()
    folder = ROOT / ".demo" / str(port)
    try:
        with running(port) as process:
            yield Demo(port, process)
    finally:
        if folder.exists():
            logs = artifacts / "demo"
            logs.mkdir(exist_ok=True)
            for log in (*folder.glob("*.log"), *folder.glob("config/*.log")):
                shutil.copy(log, logs)
            shutil.rmtree(folder)


def until[T](ask: Callable[[], T], true: Callable[[T], bool]) -> T:
    """Ask until the answer is as it should be; pytest ends a test that asks for ever."""
    while not true(answer := ask()):
        time.sleep(0.5)
    return answer


def test_the_participant_of_the_demo(demo: Demo, tmp_path: Path) -> None:
    """It dims and switches, Home Assistant shows it and who did it, and the evidence is good."""
    (emt,) = until(
        lambda: demo.emt("homes")["emts"],
        lambda emts: any(home["connected"] for home in emts[0]["homes"]),
    )
    (home,) = emt["homes"]

    assert demo.emt("limit", "4200")["verdict"] == "possible"
    states = until(
        demo.states, lambda states: states["consumption_limit"]["state"] == "4200"
    )
    limited = states["consumption_limited"]
    assert limited["state"] == "on"
    assert limited["attributes"]["participant"] == "Demo grid operator"

    (switch,) = (
        item for item in demo.emt("items")["items"] if item["kind"] == "switch"
    )
    assert demo.emt("set", switch["id"], "on")["verdict"] == "possible"
    states = until(
        demo.states, lambda states: states[f"{switch['id']}_switch"]["state"] == "on"
    )
    shown = states[f"{switch['id']}_switch"]["attributes"]
    assert shown["set_by"] == "participant"
    assert shown["participant"] == "Demo grid operator"

    demo.emt("release-all")
    receipts = until(lambda: demo.emt("receipts"), lambda found: len(found) >= 2)
    assert all(receipt["good"] for receipt in receipts)
    states = until(
        demo.states, lambda states: states["consumption_limit"]["state"] == "unknown"
    )
    assert demo.emt("verify")["good"]
    evidence = tmp_path / "evidence"
    evidence.write_text(demo.emt("audit"), encoding="utf-8")
    command = ["script/verify_ledger", str(evidence), "--key", home["key"]]
    subprocess.run(command, cwd=ROOT, check=True)

    assert demo.complaints() == []
    # It ends as with Ctrl-C, and nothing of it is left.
    demo.process.send_signal(signal.SIGINT)
    demo.process.wait()
    assert demo.process.returncode == 0
    assert len(demo.ports) >= 6
    assert all(port_is_free(port) for port in demo.ports)


def test_a_port_that_is_taken() -> None:
    """It says so in one line, and starts nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(port) as process:
            said, _ = process.communicate()
        assert process.returncode == 1
        assert f"FAILED: port {port} is in use" in said
