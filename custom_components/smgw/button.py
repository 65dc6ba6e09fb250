"""Buttons: read now, the gateway's self-test, and an end to the history."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmgwCoordinator
from .entity import GatewayEntity, async_while_read
from .han.driver import SelfTesting
from .models import SmgwConfigEntry
from .presses import async_cancel_history, async_read_now, async_self_test

# A gateway serves one session at a time.
PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class GatewayButtonDescription(ButtonEntityDescription):
    """Something the owner may ask of the gateway."""

    press_fn: Callable[[SmgwCoordinator], Awaitable[None]]


CANCEL_HISTORY = GatewayButtonDescription(
    key="cancel_history",
    translation_key="cancel_history",
    entity_category=EntityCategory.DIAGNOSTIC,
    press_fn=async_cancel_history,
)
READ_NOW = GatewayButtonDescription(
    key="read_now",
    translation_key="read_now",
    entity_category=EntityCategory.DIAGNOSTIC,
    press_fn=async_read_now,
)
# It restarts the gateway: not for a finger that slips.
SELF_TEST = GatewayButtonDescription(
    key="self_test",
    translation_key="self_test",
    device_class=ButtonDeviceClass.RESTART,
    entity_category=EntityCategory.CONFIG,
    entity_registry_enabled_default=False,
    press_fn=async_self_test,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons that the gateway has."""
    coordinator = entry.runtime_data.coordinator
    descriptions = [READ_NOW]
    if isinstance(coordinator.driver, SelfTesting):
        descriptions.append(SELF_TEST)
    if entry.runtime_data.history:
        descriptions.append(CANCEL_HISTORY)
    async_while_read(
        entry,
        async_add_entities,
        lambda: [GatewayButton(coordinator, one) for one in descriptions],
        {one.key for one in (READ_NOW, SELF_TEST, CANCEL_HISTORY)},
    )


class GatewayButton(GatewayEntity, ButtonEntity):
    """Asks the gateway for something."""

    entity_description: GatewayButtonDescription

    @property
    @override
    def available(self) -> bool:
        """Be there above all when readings fail."""
        return True

    @override
    async def async_press(self) -> None:
        """Do it, or say why not."""
        await self.entity_description.press_fn(self.coordinator)
