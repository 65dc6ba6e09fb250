"""What running data change in Home Assistant's registries of devices and entities."""

from collections.abc import Collection, Container

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .const import DOMAIN, LOGIN_CERTIFICATE, meter_identifier
from .han.model import Gateway
from .models import SmgwConfigEntry
from .notes import RegisterKey


@callback
def async_show_firmware(
    hass: HomeAssistant, entry: SmgwConfigEntry, gateway: Gateway
) -> None:
    """Show a new firmware on the gateway's device."""
    registry = dr.async_get(hass)
    device = registry.async_get_device_by_identifier(
        (DOMAIN, gateway.gateway_id), entry.entry_id
    )
    if device and gateway.firmware and device.sw_version != gateway.firmware:
        registry.async_update_device(device.id, sw_version=gateway.firmware)


@callback
def async_keep_certificates(
    hass: HomeAssistant, entry: SmgwConfigEntry, unique_ids: Collection[str | None]
) -> None:
    """Remove the sensors of certificates that no login has any more."""
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if entity.translation_key == LOGIN_CERTIFICATE and (
            entity.unique_id not in unique_ids
        ):
            registry.async_remove(entity.entity_id)


@callback
def async_forget_entities(
    hass: HomeAssistant, entry: SmgwConfigEntry, unique_ids: Collection[str]
) -> None:
    """Remove entities, disabled or not, by their unique ids."""
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if entity.unique_id in unique_ids:
            registry.async_remove(entity.entity_id)


@callback
def async_forget(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    registers: set[RegisterKey],
    left: Container[str],
) -> None:
    """Remove registers, and their meters but those `left`, by meter id."""
    entities = er.async_get(hass)
    devices = dr.async_get(hass)
    gateway_id = entry.unique_id or ""
    for meter_id, obis in registers:
        unique_id = f"{meter_identifier(gateway_id, meter_id)}_{obis}"
        for entity in er.async_entries_for_config_entry(entities, entry.entry_id):
            # Its own, and those of its quarter hours.
            if f"{entity.unique_id}_".startswith(f"{unique_id}_"):
                entities.async_remove(entity.entity_id)
    for meter_id in {meter_id for meter_id, _ in registers}:
        if meter_id in left:
            continue
        device = devices.async_get_device_by_identifier(
            (DOMAIN, meter_identifier(gateway_id, meter_id)), entry.entry_id
        )
        if device is not None:
            devices.async_remove_device(device.id)


@callback
def async_forget_contracts(
    hass: HomeAssistant, entry: SmgwConfigEntry, names: Collection[str]
) -> None:
    """Remove the sensors of contracts, by their logical names."""
    registry = er.async_get(hass)
    prefixes = tuple(f"{entry.unique_id}_{name}_" for name in names)
    if prefixes:
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
            if entity.unique_id.startswith(prefixes):
                registry.async_remove(entity.entity_id)
