"""A client in a process of its own, seen from the bench."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
import json
import os
from pathlib import Path
from typing import Any

from ha_process import ROOT, environment, stop

from .child import Job

OUR_VENV = ROOT / ".venv"
PEER_VENV = ROOT / ".venv-peers"
# Home Assistant, which our package imports, takes a while on a cold disk.
PATIENCE = 60
# Bytes of one answer.
_LONGEST = 2**22


class BenchError(Exception):
    """The measurement could not be made; the text says why and what to do."""


def last_line(log: Path) -> str:
    """Return what a process said last: of a traceback, the error."""
    return " ".join(log.read_text(encoding="utf-8").splitlines()[-1:])


class ClientProcess:
    """Asks a client for one thing at a time."""

    def __init__(self, module: str, process: Process, log: Path) -> None:
        """Wrap a running process."""
        self._module = module
        self._process = process
        self._log = log
        self.hello: dict[str, Any] = {}

    async def ask(self, command: str) -> dict[str, Any]:
        """Send a command and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        return await self.answer()

    async def end(self) -> None:
        """Let it come to its own end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), PATIENCE)
        except TimeoutError:
            raise BenchError(f"{self._module} does not end") from None

    async def answer(self) -> dict[str, Any]:
        """Return the next line the client prints."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        except TimeoutError:
            line = b""
        if not line:
            raise BenchError(f"{self._module} gave no answer ({last_line(self._log)})")
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def child(
    venv: Path, log: Path, module: str, *arguments: str
) -> AsyncIterator[ClientProcess]:
    """Run a module of the bench, which says hello with its first line."""
    paths = (ROOT / "script" / "lib", ROOT)
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            str(venv / "bin" / "python"),
            *("-m", module, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            env={
                **environment(),
                "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
            },
            start_new_session=True,
            limit=_LONGEST,
        )
    running = ClientProcess(module, process, log)
    try:
        running.hello = await running.answer()
        yield running
    finally:
        await stop(process)


@asynccontextmanager
async def client(
    module: str, venv: Path, job: Job, log: Path
) -> AsyncIterator[ClientProcess]:
    """Run a client."""
    async with child(venv, log, module, json.dumps(asdict(job))) as running:
        yield running
