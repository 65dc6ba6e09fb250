"""The home as the owner describes it in the options: what is measured, who carries limits out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from .const_cls import (
    CONF_EFFECT,
    CONF_EXECUTOR_MODE,
    CONF_EXECUTORS,
    CONF_HIGH,
    CONF_INVERTED,
    CONF_ITEM,
    CONF_LAB,
    CONF_LOW,
    CONF_MINIMUM,
    CONF_NOMINAL,
    CONF_RAMP,
    CONF_RELIEVED,
    CONF_RESTORE,
    CONF_SOURCE,
    CONF_SOURCES,
    CONF_STEP,
    CONF_WATTS_PER_UNIT,
)
from .control.model import Direction
from .control.settings import Executor, ExecutorMode, House, Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSource:
    """A sensor of the power at the grid connection point, W or kW."""

    item_id: str
    """Of the entity, as the id of an item."""
    inverted: bool = False
    """Whether this direction is the negative half of what it shows."""

    def watts(self, shown: Decimal) -> Decimal:
        """Return the power in this direction, W >= 0, from what the sensor shows in W."""
        return max(-shown if self.inverted else shown, Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseConfig:
    """What the options say about the home."""

    house: House = field(default_factory=House)
    sources: Mapping[Direction, PowerSource] = field(default_factory=dict)
    lab: bool = False
    """Whether things are allowed that no productive gateway knows."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Read it from the options of an entry."""
        sources = {
            Direction(direction): PowerSource(
                item_id=source[CONF_SOURCE],
                inverted=bool(source.get(CONF_INVERTED)),
            )
            for direction, source in options.get(CONF_SOURCES, {}).items()
        }
        usual = Rules()
        return cls(
            sources=sources,
            lab=bool(options.get(CONF_LAB)),
            house=House(
                nominal=_watts(options.get(CONF_NOMINAL, {})),
                minimum=_watts(options.get(CONF_MINIMUM, {})),
                measured=frozenset(sources),
                executors={
                    Direction(direction): tuple(map(executor_of, executors))
                    for direction, executors in options.get(CONF_EXECUTORS, {}).items()
                },
                rules=Rules(
                    effect=timedelta(
                        minutes=options.get(
                            CONF_EFFECT, usual.effect.total_seconds() / 60
                        )
                    ),
                    restore=timedelta(seconds=options.get(CONF_RESTORE, 0)),
                    ramp=timedelta(seconds=options.get(CONF_RAMP, 0)),
                ),
            ),
        )


def executor_of(data: Mapping[str, Any]) -> Executor:
    """Return an executor that is stored in the options. Raises ValueError if it leads nowhere."""
    high = data.get(CONF_HIGH)
    return Executor(
        item_id=data[CONF_ITEM],
        mode=ExecutorMode(data[CONF_EXECUTOR_MODE]),
        low=Decimal(data.get(CONF_LOW, 0)),
        high=None if high is None else Decimal(high),
        step=Decimal(data.get(CONF_STEP, 1)),
        watts_per_unit=Decimal(data.get(CONF_WATTS_PER_UNIT, 1)),
        relieved=bool(data.get(CONF_RELIEVED)),
    )


def _watts(data: Mapping[str, Any]) -> dict[Direction, Decimal]:
    return {Direction(direction): Decimal(watts) for direction, watts in data.items()}
