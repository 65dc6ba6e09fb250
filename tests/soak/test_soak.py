"""Thirty days of polls against each maker's gateway, with random faults.

`SMGW_SOAK_SEED` repeats a run whose seed was printed, `SMGW_SOAK_DAYS` makes it longer,
`SMGW_SOAK_MINUTES` is the time between two readings of an account.
"""

import asyncio
from datetime import timedelta
import logging
import os
from random import Random

import pytest

from custom_components.smgw.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from simulator.emh import EmhGateway
from simulator.ppc import PpcGateway
from simulator.theben import ThebenGateway
from tests.ha.conftest import Timeline, set_up

from . import faults, heap
from .conftest import Patience
from .home import Home
from .month import Month

SEED = int(os.environ.get("SMGW_SOAK_SEED", "1"))
DAYS = int(os.environ.get("SMGW_SOAK_DAYS", "30"))
SLOTS_OF_A_DAY = 96
EXCHANGE_DAY = 3
# By then everything that is made once, or keeps a week, is there.
FIRST_DAY = 11
# The least of some days: what a fault leaves until the next one is no leak.
SPAN = 5
# Bytes in two weeks and more; with three accounts, less than a hundred for each session.
MAX_GROWTH = 100_000


def test_sorted_faults_exist() -> None:
    """A fault that was renamed would be an outage unseen."""
    kinds = (PpcGateway, ThebenGateway, EmhGateway)
    known = {name for kind in kinds for name in kind.fault_table}
    assert known >= faults.UNNOTICED | faults.OWNER | faults.LEFT_OUT


@pytest.mark.timeout(60 * DAYS)
async def test_month(
    hass: HomeAssistant,
    home: Home,
    timeline: Timeline,
    patience: Patience,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No lockout, no session left open, no wrong value, no memory lost; all well in the end."""
    print(f"SMGW_SOAK_SEED={SEED}")  # noqa: T201
    caplog.set_level(logging.WARNING)
    tasks = asyncio.all_tasks()
    assert await set_up(hass, home.entry)
    month = Month(home, timeline, patience, caplog, Random(SEED))
    begin = dt_util.utcnow()
    sizes, files = [], []
    for day in range(1, DAYS + 1):
        await month.pass_until(begin + timedelta(days=day))
        if day == EXCHANGE_DAY:
            await month.exchange_meter()
        sizes.append(heap.held(hass))
        files.append(heap.open_files())
    # Contracts are read once a day.
    await month.pass_calmly(month.enough + 1 + SLOTS_OF_A_DAY)
    home.check_fresh(home.interval + timedelta(hours=1))
    assert [key for key in ir.async_get(hass).issues if key[0] == DOMAIN] == []
    assert hass.config_entries.flow.async_progress() == []

    if DAYS >= FIRST_DAY + 2 * SPAN:
        early, late = slice(FIRST_DAY - 1, FIRST_DAY - 1 + SPAN), slice(-SPAN, None)
        assert min(sizes[late]) - min(sizes[early]) < MAX_GROWTH, sizes
        assert min(files[late]) <= min(files[early]), files
    assert await hass.config_entries.async_unload(home.entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert asyncio.all_tasks() - tasks == set()
