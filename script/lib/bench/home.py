"""Home Assistant in this process, for a child of the bench."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json
import sys
import time
from typing import Any

from homeassistant import bootstrap, runner
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance

from .hold import Holds, watched


async def started(config: str) -> HomeAssistant:
    """Start it with its recorder."""
    hass = await bootstrap.async_setup_hass(
        runner.RuntimeConfig(config_dir=config, skip_pip=True)
    )
    assert hass is not None
    await hass.async_start()
    await hass.async_block_till_done()
    return hass


async def settle(hass: HomeAssistant) -> None:
    """Wait for the recorder; one that has not begun yet may not end."""
    recorder = get_instance(hass)
    await recorder.async_recorder_ready.wait()
    await recorder.async_block_till_done()


async def stop(hass: HomeAssistant) -> None:
    """Stop it."""
    await settle(hass)
    await hass.async_stop()


@contextmanager
def measured(facts: dict[str, Any]) -> Iterator[None]:
    """Note time and CPU of the process and of this thread, and the longest hold."""
    holds = Holds()
    clock, cpu, loop = time.perf_counter(), time.process_time(), time.thread_time()
    with watched(holds):
        yield
    facts |= {
        "time": time.perf_counter() - clock,
        "cpu": time.process_time() - cpu,
        "loop_cpu": time.thread_time() - loop,
        "hold": holds.longest,
        "hold_cpu": holds.longest_cpu,
        "hold_own": holds.longest_own,
        "collection": holds.longest_collection,
    }


def answer(**content: Any) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()
