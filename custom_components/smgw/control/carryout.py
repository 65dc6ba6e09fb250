"""Which executor is to do what, so that the home keeps a limit. Pure.

Executors are only ever lowered while a limit lasts; what they had before is given back when it is
over. Finer control, e.g. with sunshine, is for the owner's automations or an energy manager.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from .model import Value
from .settings import Executor, ExecutorMode


@dataclass(frozen=True, slots=True)
class Setpoint:
    """A value that an executor is to get."""

    item_id: str
    value: Value


def plan(
    limit: Decimal,
    power: Decimal | None,
    executors: Sequence[Executor],
    shown: Mapping[str, Value],
    measured: bool,
) -> list[Setpoint]:
    """Return what to write now, in order.

    `power` is what flows, None if that is not known at present; `shown` are the executors' values, of
    those that are there. In a direction that nobody measures all executors go as far as they can; in one
    whose source is silent at present nothing is lowered blindly.
    """
    steps = list(_following(limit, executors, shown))
    if not measured:
        steps += _all_the_way(executors, shown)
    elif power is not None and not steps:
        steps += _as_needed(power - limit, executors, shown)
    return steps


def step_back(
    set_to: Value, before: Value, left: int, executor: Executor | None
) -> Value:
    """Return the next value on the way from what a limit has set to what was there before.

    `left` is how many steps there are still to do, with this one. What cannot go by degrees, or goes
    down, goes at once.
    """
    if not isinstance(set_to, Decimal) or not isinstance(before, Decimal):
        return before
    if executor is None or left == 1 or before <= set_to:
        return before
    steps = round((before - set_to) / executor.step / left)
    return set_to + steps * executor.step


def _following(
    limit: Decimal, executors: Sequence[Executor], shown: Mapping[str, Value]
) -> Iterator[Setpoint]:
    for executor in executors:
        if executor.mode is not ExecutorMode.FOLLOW or executor.item_id not in shown:
            continue
        value = _down(limit / executor.watts_per_unit, executor)
        if executor.high is not None:
            value = min(value, executor.high)
        if shown[executor.item_id] != value:
            yield Setpoint(executor.item_id, value)


def _all_the_way(
    executors: Sequence[Executor], shown: Mapping[str, Value]
) -> Iterator[Setpoint]:
    for executor in executors:
        if executor.mode is ExecutorMode.FOLLOW or executor.item_id not in shown:
            continue
        if (value := _end(executor, shown[executor.item_id])) is not None:
            yield Setpoint(executor.item_id, value)


def _as_needed(
    excess: Decimal, executors: Sequence[Executor], shown: Mapping[str, Value]
) -> Iterator[Setpoint]:
    for executor in executors:
        if excess <= 0:
            return
        value = shown.get(executor.item_id)
        if executor.mode is ExecutorMode.FOLLOW or value is None:
            continue
        end = _end(executor, value)
        if end is None:
            continue
        if executor.mode is ExecutorMode.SWITCH:
            yield Setpoint(executor.item_id, end)
            # What it drew shows only in the next measurement.
            return
        assert isinstance(value, Decimal)
        lowered = _down(value - excess / executor.watts_per_unit, executor)
        yield Setpoint(executor.item_id, lowered)
        excess -= (value - lowered) * executor.watts_per_unit


def _end(executor: Executor, value: Value) -> Value | None:
    """Return as far as an executor can go; None if it is there, or shows something else."""
    match executor.mode:
        case ExecutorMode.SWITCH if isinstance(value, bool):
            return executor.relieved if value is not executor.relieved else None
        case ExecutorMode.REDUCE if isinstance(value, Decimal):
            return executor.low if value > executor.low else None
    return None


def _down(value: Decimal, executor: Executor) -> Decimal:
    steps = (value / executor.step).to_integral_value(ROUND_FLOOR)
    return max(executor.low, steps * executor.step)
