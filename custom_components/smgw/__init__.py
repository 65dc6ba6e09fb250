"""German Smart Meter Gateways: readings of every meter behind the gateway."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.typing import ConfigType

from . import control_life, issues
from .attempt import async_driver
from .const import DOMAIN, PLATFORMS, SIGNAL_LOGINS, meter_identifier
from .contract_errand import ContractErrand
from .coordinator import SmgwCoordinator
from .costs import async_follow_costs, async_forget_costs
from .downloads import async_downloads, async_setup_downloads
from .han.driver import VENDORS
from .history_setup import async_follow_history, async_prepare_history
from .keyring import async_forget_keys
from .memory import async_forget, async_memory
from .migration import async_migrate
from .models import GatewayConfig, RuntimeData, SmgwConfigEntry
from .quarters import Quarters
from .quarters_setup import async_follow_quarters, async_quarters
from .services import async_setup_services
from .views import DownloadView

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, and the view of the files that they make."""
    await async_setup_downloads(hass)
    hass.http.register_view(DownloadView())
    async_setup_services(hass)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: SmgwConfigEntry) -> bool:
    """Bring an entry of an earlier version to the present form."""
    return await async_migrate(hass, entry)


async def async_setup_entry(hass: HomeAssistant, entry: SmgwConfigEntry) -> bool:
    """Read the gateway if it is time, register it, and let the platforms follow."""
    config = GatewayConfig.of(entry)
    vendor = VENDORS[config.vendor]
    memory = await async_memory(hass, config.gateway_id)
    driver = await async_driver(hass, config)
    coordinator = SmgwCoordinator(hass, entry, vendor, driver, memory)
    coordinator.errands.async_register(ContractErrand(coordinator))
    history = async_prepare_history(hass, coordinator)
    quarters = await async_quarters(hass, coordinator, history)
    # Before the first reading, which may take minutes: a limited home comes back limited.
    control = await control_life.async_begin(hass, entry, coordinator)
    if control is None:
        await coordinator.async_config_entry_first_refresh()
    else:
        await coordinator.async_first_try()
    # What a flow has found out before there was an entry is kept from now on.
    memory.async_save()
    entry.runtime_data = RuntimeData(
        config=config,
        coordinator=coordinator,
        history=history,
        quarters=quarters,
        control=control,
    )

    _register_gateway(hass, entry)
    coordinator.async_forget_orphans()
    async_follow_quarters(coordinator, quarters)
    await hass.config_entries.async_forward_entry_setups(entry, _platforms(entry))
    if control is not None:
        await control.async_open_doors()
    if history:
        async_follow_costs(hass, entry, history, quarters)
        async_follow_history(coordinator, history)
    entry.async_on_unload(
        coordinator.async_add_listener(entry.runtime_data.readouts.forget_old)
    )
    entry.async_on_unload(entry.add_update_listener(_async_entry_changed))
    return True


@callback
def _register_gateway(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Register the gateway before any meter: meters name it as the device they are reached through."""
    config, coordinator = entry.runtime_data.config, entry.runtime_data.coordinator
    vendor = VENDORS[config.vendor]
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, config.gateway_id)},
        manufacturer=vendor.name,
        model=vendor.model,
        name=f"SMGW {config.gateway_id}",
        serial_number=config.gateway_id,
        sw_version=coordinator.data.gateway.firmware,
        # A browser knows no interface of ours.
        configuration_url=None
        if config.address.zone or not config.is_read
        else str(config.address.url(vendor.path)),
    )


async def async_unload_entry(hass: HomeAssistant, entry: SmgwConfigEntry) -> bool:
    """Unload the platforms; the coordinator ends with the entry."""
    if entry.disabled_by:
        # Nobody looks any more whether they still hold.
        issues.async_clear(hass, entry)
    return await hass.config_entries.async_unload_platforms(entry, _platforms(entry))


async def async_remove_entry(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Forget what was learned of the gateway."""
    issues.async_clear(hass, entry)
    await async_downloads(hass).async_forget(entry.entry_id)
    gateway_id = GatewayConfig.of(entry).gateway_id
    await async_forget(hass, gateway_id)
    await async_forget_keys(hass, gateway_id)
    await Quarters(hass, gateway_id).async_remove()
    await async_forget_costs(hass, gateway_id)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: SmgwConfigEntry, device: dr.DeviceEntry
) -> bool:
    """Allow to remove a meter that is no longer behind the gateway."""
    if entry.state is not ConfigEntryState.LOADED:
        # Nobody knows what is behind the gateway now.
        return False
    coordinator = entry.runtime_data.coordinator
    gateway_id = coordinator.gateway_id
    present = {(DOMAIN, gateway_id)} | {
        (DOMAIN, meter_identifier(gateway_id, meter_id))
        for meter_id in coordinator.data.meters
    }
    if not present.isdisjoint(device.identifiers):
        return False
    coordinator.async_forget_meter(device)
    return True


def _platforms(entry: SmgwConfigEntry) -> list[Platform]:
    """Return what shows the entry."""
    controls = entry.runtime_data.control is not None
    return [*PLATFORMS, *(control_life.PLATFORMS if controls else ())]


async def _async_entry_changed(hass: HomeAssistant, entry: SmgwConfigEntry) -> None:
    """Take over a change: only another way to the gateway needs a reload."""
    if GatewayConfig.of(entry) != entry.runtime_data.config:
        hass.config_entries.async_schedule_reload(entry.entry_id)
        return
    entry.runtime_data.coordinator.async_settings_changed()
    async_dispatcher_send(hass, SIGNAL_LOGINS.format(entry.entry_id))
    await control_life.async_changed(hass, entry)
