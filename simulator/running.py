"""What the command lines share: a log on stderr, one JSON line when ready, the table of faults."""

from collections.abc import Mapping
import json
import logging
import signal
import sys
from threading import Event
from types import FrameType
from typing import Any

from .faults import FaultInfo


class Running:
    """A run from its start until SIGINT or SIGTERM."""

    def __init__(self) -> None:
        """Log to stderr, and take the signals from now on."""
        logging.basicConfig(
            level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s"
        )
        self._ended = Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._end)

    def ready(self, told: Mapping[str, Any]) -> None:
        """Tell a caller what it needs, and wait for the end."""
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        while not self._ended.wait(3600):
            pass

    def _end(self, number: int, stack: FrameType | None) -> None:
        self._ended.set()


def fault_table(faults: Mapping[str, FaultInfo]) -> str:
    """Return one line per fault: name, parameters, sentence."""
    lines = []
    for name, info in sorted(faults.items()):
        params = ",".join(f"{key}={value}" for key, value in info.params.items())
        lines.append(f"{name}{':' if params else ''}{params}\t{info.sentence}\n")
    return "".join(lines)
