"""The items of the home: the entities that somebody was granted, and the CLS switches."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
import logging
from typing import Any, override

import probatio

from homeassistant.const import ATTR_FRIENDLY_NAME, STATE_UNAVAILABLE
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceNotFound,
    ServiceValidationError,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..control import ports
from ..control.errors import EffectFailed
from ..control.model import Item, ItemGrant, Participant, ThingGrant, Value
from ..control.ports import Because, ItemReading
from ..control.reasons import EffectReason
from ..control.settings import House
from ..control.values import MAX_TEXT
from ..switches import SwitchConfig
from . import table
from .stage import Stage
from .table import Call

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the owner has set up that reaches into the home."""

    things: frozenset[str] = frozenset()
    """Devices."""
    items: frozenset[str] = frozenset()
    """Single entities, as ids of items."""
    switches: Mapping[str, SwitchConfig]
    """By item."""

    @classmethod
    def of(
        cls,
        participants: Iterable[Participant],
        house: House,
        switches: Iterable[SwitchConfig],
    ) -> Wanted:
        """Collect what is granted, and what carries limits out."""
        grants = [grant for who in participants for grant in who.grants]
        own = {switch.switch_id: switch for switch in switches}
        items = {grant.item_id for grant in grants if isinstance(grant, ItemGrant)}
        for executors in house.executors.values():
            items |= {executor.item_id for executor in executors}
        return cls(
            things=frozenset(
                grant.thing_id for grant in grants if isinstance(grant, ThingGrant)
            ),
            items=frozenset(items - own.keys()),
            switches=own,
        )


class HomeItems(ports.Home):
    """Implements the port."""

    def __init__(
        self, hass: HomeAssistant, stage: Stage, moved: Callable[[], None]
    ) -> None:
        """`moved` is called when an item shows something else than before."""
        self._hass = hass
        self._stage = stage
        self._moved = moved
        self._wanted = Wanted(switches={})
        self._items: Mapping[str, Item] | None = None
        self._entities: dict[str, str] = {}
        """Entity of each item."""
        self._unfollow: CALLBACK_TYPE | None = None
        self._left: dict[str, bool] = {}
        """What CLS switches showed last, those that stand for themselves."""
        self._leave = [
            stage.async_view(self._note_left),
            hass.bus.async_listen(
                er.EVENT_ENTITY_REGISTRY_UPDATED, self._registry_changed
            ),
            hass.bus.async_listen(
                dr.EVENT_DEVICE_REGISTRY_UPDATED, self._registry_changed
            ),
        ]

    @callback
    def set_up(self, wanted: Wanted) -> None:
        """Take other grants."""
        self._wanted = wanted
        self._renew()

    @callback
    def close(self) -> None:
        """Follow nothing any more."""
        for leave in self._leave:
            leave()
        if self._unfollow:
            self._unfollow()

    # The port.

    @override
    def items(self) -> Mapping[str, Item]:
        """Return all items, by id."""
        if self._items is None:
            self._items = dict(self._found())
        return self._items

    @override
    def read(self, item_id: str) -> ItemReading | None:
        """Return what an item shows."""
        switch = self._wanted.switches.get(item_id)
        if switch is not None and switch.drives is None:
            hold = self._stage.picture.items.get(item_id)
            shown = self._left.get(item_id, False)
            if hold is not None:
                shown = bool(hold.value)
            elif switch.rest is not None:
                shown = switch.rest
            return ItemReading(value=shown, at=dt_util.utcnow())
        state = self._state(item_id)
        sort = None if state is None else table.sort_of(state.entity_id)
        if state is None or sort is None:
            return None
        value = table.value_of(sort, state)
        if value is None:
            return None
        return ItemReading(value=value, at=state.last_reported)

    @override
    async def write(self, item_id: str, value: Value, because: Because) -> None:
        """Set an item and return when the device has taken it. Raises EffectFailed."""
        state = self._state(item_id)
        sort = None if state is None else table.sort_of(state.entity_id)
        if state is None or sort is None or sort.call is None:
            raise EffectFailed(EffectReason.UNABLE, "not there")
        if state.state == STATE_UNAVAILABLE:
            # Home Assistant would leave it out without a word.
            raise EffectFailed(EffectReason.COMMUNICATION_FAILURE, "unavailable")
        await self._call(state, sort.call(value, state), because)

    # For entities.

    @callback
    def was_left(self, item_id: str, value: bool) -> None:
        """Say what a CLS switch showed before this run, unless it has been set since."""
        self._left.setdefault(item_id, value)

    @callback
    def is_switch(self, item_id: str) -> bool:
        """Say whether an item is a CLS switch."""
        return item_id in self._wanted.switches

    @callback
    def driven(self, switch: SwitchConfig) -> str | None:
        """Return the entity that a CLS switch drives."""
        return None if switch.drives is None else self._entity(switch.drives)

    @callback
    def entity(self, item_id: str) -> str | None:
        """Return the entity that an item is; None for a CLS switch that stands for itself."""
        switch = self._wanted.switches.get(item_id)
        return self._entity(item_id) if switch is None else self.driven(switch)

    # Inside.

    @callback
    def _note_left(self) -> None:
        """Remember what switches show that are left as they are once nothing holds them."""
        for item_id, hold in self._stage.picture.items.items():
            if item_id in self._wanted.switches:
                self._left[item_id] = bool(hold.value)

    async def _call(self, state: State, call: Call, because: Because) -> None:
        domain = state.domain
        try:
            await self._hass.services.async_call(
                domain,
                call.service,
                dict(call.data) | table.target_of(state.entity_id),
                blocking=True,
                context=self._stage.context_of(because),
            )
        except ServiceNotFound as err:
            raise EffectFailed(EffectReason.UNABLE, "no such action") from err
        except (ServiceValidationError, probatio.Invalid) as err:
            raise EffectFailed(EffectReason.REJECTED, type(err).__name__) from err
        except HomeAssistantError as err:
            _LOGGER.debug("%s did not do as told: %s", state.entity_id, err)
            raise EffectFailed(
                EffectReason.COMMUNICATION_FAILURE, type(err).__name__
            ) from err

    def _entity(self, item_id: str) -> str | None:
        if "." in item_id:
            return item_id
        entity = er.async_get(self._hass).entities.get_entry(item_id)
        return None if entity is None else entity.entity_id

    def _state(self, item_id: str) -> State | None:
        entity_id = self.entity(item_id)
        return None if entity_id is None else self._hass.states.get(entity_id)

    @callback
    def _renew(self) -> None:
        """Look at everything anew, at the next question."""
        self._items = None
        if self._unfollow:
            self._unfollow()
            self._unfollow = None
        followed = {entity_id for entity_id, _ in self._candidates()}
        followed |= {
            entity_id
            for switch in self._wanted.switches.values()
            if (entity_id := self.driven(switch)) is not None
        }
        if followed:
            self._unfollow = async_track_state_change_event(
                self._hass, followed, self._state_changed
            )

    @callback
    def _registry_changed(self, _: Event[Any]) -> None:
        self._renew()

    @callback
    def _state_changed(self, event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if old is None or new is None or old.attributes != new.attributes:
            # Bounds, options or its very presence may be different.
            self._items = None
        if old is None or new is None or _shows(old) != _shows(new):
            self._moved()

    def _candidates(self) -> Iterator[tuple[str, str]]:
        """Yield the entities that grants speak of, and their ids as items."""
        registry = er.async_get(self._hass)
        for item_id in self._wanted.items:
            if (entity_id := self._entity(item_id)) is not None:
                yield entity_id, item_id
        for thing_id in self._wanted.things:
            for entity in er.async_entries_for_device(registry, thing_id):
                yield entity.entity_id, entity.id

    def _found(self) -> Iterator[tuple[str, Item]]:
        for switch in self._wanted.switches.values():
            yield switch.switch_id, switch.item
        for entity_id, item_id in self._candidates():
            if (item := self._item(entity_id, item_id)) is not None:
                yield item_id, item

    def _item(self, entity_id: str, item_id: str) -> Item | None:
        """Return an entity as an item; None: it cannot be one, or is not there."""
        sort, state = table.sort_of(entity_id), self._hass.states.get(entity_id)
        if sort is None or state is None:
            return None
        entity = er.async_get(self._hass).async_get(entity_id)
        writable = sort.call is not None
        alone = sort.alone
        if entity is not None:
            if table.forbidden(
                sort, state, entity.device_class, entity.original_device_class
            ):
                return None
            # Our own switch would take a participant's command for the owner's.
            writable = writable and entity.platform != DOMAIN
            # What is hidden or sets a device up is not what the owner means by the device.
            alone = alone or bool(entity.entity_category or entity.hidden_by)
        elif table.forbidden(sort, state):
            return None
        shape = sort.shape(state, self._hass.config.units.temperature_unit)
        if shape is None:
            return None
        return Item(
            item_id=item_id,
            thing_id=(entity and entity.device_id) or item_id,
            name=_name(state),
            kind=shape.kind,
            unit=shape.unit,
            writable=writable,
            alone=alone,
            low=shape.low,
            high=shape.high,
            options=shape.options,
        )


def _name(state: State) -> str:
    return str(state.attributes.get(ATTR_FRIENDLY_NAME, state.entity_id))[:MAX_TEXT]


def _shows(state: State) -> Value | None:
    sort = table.sort_of(state.entity_id)
    return None if sort is None else table.value_of(sort, state)
