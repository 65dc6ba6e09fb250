"""`kill -9` between any two writes: zero lost receipts, zero doubled effects, limits still there."""

from pathlib import Path
import subprocess
import sys
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[2]
SHARDS = 6
# Who is killed loses nothing that the system has taken, so a disk in memory serves as well.
MEMORY = Path("/dev/shm")  # noqa: S108


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_every_point(shard: int) -> None:
    """Every row, piece of state, commit, publication and write to a device is a point to die at."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.control.crash",
                folder,
                str(shard),
                str(SHARDS),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    *broken, last = done.stdout.splitlines()
    assert broken == []
    assert int(last.removeprefix("points ")) > 150
