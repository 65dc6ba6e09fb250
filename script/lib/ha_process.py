"""A real Home Assistant as a child process, in a config folder of its own."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, Process
import contextlib
import os
from pathlib import Path
import shutil
import signal
import socket
import subprocess

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-ha"
COMPONENT = ROOT / "custom_components" / "smgw"

# default_config is left out: it wants a camera server and the internet.
# ffmpeg: it only asks for a version, and complains with fifty lines when there is none.
# The camera platform complains about a library that no gateway needs.
CONFIGURATION = """\
frontend:
config:
history:
logbook:
energy:
ffmpeg:
  ffmpeg_bin: /bin/true
logger:
  default: warning
  logs:
    custom_components.smgw: info
    homeassistant.components.camera: critical
"""
# These have no wheel for Home Assistant's pinned version; newer ones are installed.
ARGUMENTS = ("--skip-pip-packages", "pymicro-vad,pyspeex-noise")
RESTART = 100
STOP_TIMEOUT = 20

# Runs in Home Assistant's own environment, because the format of .storage/http changes with its version.
WRITE_STORAGE = """
import json, pathlib, sys
from homeassistant.components import onboarding
from homeassistant.components.http import config as http
folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
# "core_config" would set up a weather service and three more that need the internet
done = {"done": [onboarding.STEP_CORE_CONFIG]}
# only for this machine; an http: section in YAML is deprecated and ends the process after five minutes
stable = {**http._DEFAULT_CONFIG, "server_host": ["127.0.0.1"], "server_port": port}
web = {"stable": stable, "pending": None, "yaml_migration_done": True}
for key, version, minor, data in (
    (onboarding.STORAGE_KEY, onboarding.STORAGE_VERSION, 1, done),
    (http.STORAGE_KEY, http.STORAGE_VERSION, http.STORAGE_MINOR_VERSION, web),
):
    file = folder / key
    if key == http.STORAGE_KEY or not file.exists():
        text = {"version": version, "minor_version": minor, "key": key, "data": data}
        file.write_text(json.dumps(text, default=str))
        file.chmod(0o600)
"""


def port_is_free(port: int) -> bool:
    """Tell whether Home Assistant could listen there."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def environment() -> dict[str, str]:
    """Return the environment for children: bytecode may be written, or each start takes three times as long."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"}
    }


def prepare_config(folder: Path, port: int) -> None:
    """Make or renew a config folder that has our integration and listens on this machine only."""
    (folder / ".storage").mkdir(parents=True, exist_ok=True)
    configuration = folder / "configuration.yaml"
    if not configuration.exists():
        configuration.write_text(CONFIGURATION, encoding="utf-8")
    target = folder / "custom_components" / COMPONENT.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(COMPONENT, target, ignore=shutil.ignore_patterns("__pycache__"))
    python = str(VENV / "bin" / "python")
    command = [python, "-c", WRITE_STORAGE, str(folder / ".storage"), str(port)]
    subprocess.run(command, check=True, env=environment(), cwd=folder)


async def start(
    command: list[str],
    output: Path,
    *,
    pipe: bool = False,
    temporary: Path | None = None,
) -> Process:
    """Start a child in a process group of its own, so that Ctrl-C reaches it only through us.

    `temporary` is a folder for its temporary files, in place of the system's.
    """
    variables = environment()
    if temporary is not None:
        variables["TMPDIR"] = str(temporary)
    with output.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=asyncio.subprocess.PIPE if pipe else log,
            stderr=log,
            env=variables,
            cwd=ROOT,
            start_new_session=True,
        )


async def stop(process: Process) -> None:
    """End a child and all it has started; kill what does not end."""
    for sign, patience in ((signal.SIGTERM, STOP_TIMEOUT), (signal.SIGKILL, 5)):
        if process.returncode is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
    # grandchildren that outlived it
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class HomeAssistant:
    """Home Assistant, started again whenever it asks for that."""

    def __init__(self, config: Path, log: Path) -> None:
        """Take the config folder and the file for what it prints."""
        self.config = config
        self.log = log
        self._process: Process | None = None

    async def run(self) -> int:
        """Run until it ends for good; return its exit code."""
        program = str(VENV / "bin" / "hass")
        # Each Home Assistant empties the one folder for uploads that all would share.
        temporary = self.config / "tmp"
        temporary.mkdir(exist_ok=True)
        while True:
            self._process = await start(
                [program, "-c", str(self.config), *ARGUMENTS],
                self.log,
                temporary=temporary,
            )
            if (code := await self._process.wait()) != RESTART:
                return code

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            await stop(self._process)

    def kill(self) -> None:
        """Have it die at once, as if the power had gone."""
        if self._process is not None and self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
