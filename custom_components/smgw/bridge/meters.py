"""What is measured: the power at the grid connection point, and the meters' registers."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import override

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, UnitOfPower
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util.unit_conversion import PowerConverter

from ..control import ports
from ..control.model import Direction
from ..control.ports import MeterReading, Power
from ..coordinator import SmgwCoordinator
from ..han.model import Snapshot
from ..household import PowerSource
from . import table

_ELECTRICITY = 1
# Import and export of active energy: what is billed.
_BILLED = (1, 2)


class HomeMeters(ports.Meters):
    """Implements the port."""

    def __init__(
        self,
        hass: HomeAssistant,
        coordinator: SmgwCoordinator,
        entity: Callable[[str], str | None],
        moved: Callable[[], None],
    ) -> None:
        """`entity` names the entity of an item; `moved` is called with each new power."""
        self._hass = hass
        self._coordinator = coordinator
        self._entity = entity
        self._moved = moved
        self._sources: Mapping[Direction, PowerSource] = {}
        self._followed: set[str] = set()
        """Their entities, by the names that these have now."""
        self._unfollow: CALLBACK_TYPE | None = None
        self._leave = hass.bus.async_listen(
            er.EVENT_ENTITY_REGISTRY_UPDATED, self._registry_changed
        )

    @callback
    def set_up(self, sources: Mapping[Direction, PowerSource]) -> None:
        """Take other sources."""
        self._sources = sources
        self._follow()

    @callback
    def close(self) -> None:
        """Follow nothing any more."""
        self._leave()
        if self._unfollow:
            self._unfollow()
            self._unfollow = None

    @override
    def power(self, direction: Direction) -> Power | None:
        """Return the power at the grid connection point."""
        source = self._sources.get(direction)
        entity_id = None if source is None else self._entity(source.item_id)
        state = None if entity_id is None else self._hass.states.get(entity_id)
        sort = None if state is None else table.sort_of(state.entity_id)
        if source is None or state is None or sort is None:
            return None
        shown = table.value_of(sort, state)
        unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, UnitOfPower.WATT)
        if not isinstance(shown, Decimal) or unit not in PowerConverter.VALID_UNITS:
            return None
        watts = shown
        if unit != UnitOfPower.WATT:
            ratio = PowerConverter.get_unit_ratio(unit, UnitOfPower.WATT)
            watts = shown / Decimal(str(ratio))
        # A thousandth of a watt is more than any sensor knows; the ledger takes no more digits.
        return Power(watts=round(source.watts(watts), 3), at=state.last_reported)

    @override
    def registers(self) -> Sequence[MeterReading]:
        """Return the newest readings of what is billed; none before the first ones came."""
        snapshot: Snapshot | None = self._coordinator.data
        if snapshot is None:
            return []
        return [
            MeterReading(
                meter_id=meter.meter_id,
                register=str(reading.register.obis),
                value=reading.value,
                unit=reading.register.unit,
                at=reading.capture_time,
            )
            for meter in snapshot.meters.values()
            for reading in meter.readings.values()
            if (obis := reading.register.obis).a == _ELECTRICITY
            and obis.counts_up
            and obis.c in _BILLED
        ]

    @callback
    def _follow(self) -> None:
        """Hear of each new power."""
        entities = {self._entity(source.item_id) for source in self._sources.values()}
        followed = {entity_id for entity_id in entities if entity_id}
        if followed == self._followed:
            return
        if self._unfollow:
            self._unfollow()
            self._unfollow = None
        self._followed = followed
        if followed:
            self._unfollow = async_track_state_change_event(
                self._hass, followed, self._state_changed
            )

    @callback
    def _registry_changed(self, _: Event[er.EventEntityRegistryUpdatedData]) -> None:
        # An entity can get another name while it is followed.
        self._follow()

    @callback
    def _state_changed(self, _: Event[EventStateChangedData]) -> None:
        self._moved()
