"""What the writer waits for: a base must never be read while rows are on their way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
import threading

import pytest

from custom_components.smgw.han.model import Register
from custom_components.smgw.han.obis import Obis
from custom_components.smgw.han.units import Unit
from custom_components.smgw.statistics import HOUR, measure, statistic_id
from custom_components.smgw.writer import Counted, Writer
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.components.recorder.tasks import RecorderTask
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance

from .conftest import START

GATEWAY = "EPPC0210123456"
NEWEST = START.replace(minute=0)
OBIS = Obis.parse("1-0:1.8.0")
assert OBIS is not None
REGISTER = Register(
    meter_id="1EMH0012345678", obis=OBIS, unit=Unit.KILOWATT_HOUR, name=""
)
pytestmark = pytest.mark.usefixtures("recorder_mock")


def counted(first: int, last: int) -> Counted:
    """Return the readings of hours before the newest one."""
    recorded = measure(REGISTER)
    assert recorded is not None
    return Counted(
        REGISTER,
        recorded,
        {NEWEST - hour * HOUR: Decimal(1000 - hour) for hour in range(first, last)},
    )


@dataclass
class Busy(RecorderTask):
    """Keeps the recorder at work, with nothing else waiting, until it is let go."""

    begun: Callable[[], None]
    go_on: threading.Event
    ended: threading.Event = field(default_factory=threading.Event)
    commit_before = False

    def run(self, instance: Recorder) -> None:
        """Wait."""
        self.begun()
        self.go_on.wait(20)
        self.ended.set()


async def test_waits_for_what_is_being_done(hass: HomeAssistant) -> None:
    """Though the recorder's queue is empty while it does its last task."""
    recorder = get_instance(hass)
    await recorder.async_block_till_done()
    begun, go_on = asyncio.Event(), threading.Event()
    task = Busy(lambda: hass.loop.call_soon_threadsafe(begun.set), go_on)
    recorder.queue_task(task)
    await begun.wait()
    writing = hass.async_create_task(Writer(hass, GATEWAY).async_empty([REGISTER]))
    done, _ = await asyncio.wait({writing}, timeout=0.2)
    assert not done
    go_on.set()
    assert await writing == {REGISTER}


async def test_newest_first_is_whole(hass: HomeAssistant) -> None:
    """Each older piece lifts all that is there, none is forgotten."""
    writer = Writer(hass, GATEWAY)
    for piece in range(40):
        await writer.async_write([counted(24 * piece, 24 * (piece + 1))])
    statistic = statistic_id(GATEWAY, REGISTER)
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period,
        *(hass, NEWEST - timedelta(days=60), None, {statistic}, "hour", None, {"sum"}),
    )
    assert [row["sum"] for row in found[statistic]] == list(range(40 * 24))
