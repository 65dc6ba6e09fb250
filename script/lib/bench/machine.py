"""The facts of the machine and the programs that a number depends on."""

from __future__ import annotations

from datetime import UTC, datetime
import os
from pathlib import Path
import platform
import re
from typing import Any

from .measure import PollResult

_CPU_INFO = Path("/proc/cpuinfo")


def facts(load: float) -> list[tuple[str, str]]:
    """Return names and values; `load` is the machine's before the run."""
    return [
        ("Date", datetime.now(UTC).date().isoformat()),
        ("CPU", f"{_cpu_model()}, {os.cpu_count()} cores"),
        ("System", f"{platform.system()} {platform.machine()}"),
        ("Load before the run", f"{load:.1f}"),
    ]


def programs_of(result: PollResult) -> dict[str, str]:
    """Return the versions of the clients, by name."""
    hello = result.hello
    found = {"smgw": _programs(hello.ours)}
    if hello.peer is not None:
        name, _, _ = hello.peer["packages"][0].partition(" ")
        found[name] = _programs(hello.peer)
    return found


def _cpu_model() -> str:
    if _CPU_INFO.exists():
        text = _CPU_INFO.read_text(encoding="utf-8")
        if match := re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE):
            return match[1]
    return platform.processor() or "unknown"


def _programs(hello: dict[str, Any]) -> str:
    return ", ".join([f"Python {hello['python']}", *hello["packages"]])
