"""The quarter hours of an entry: from polls and slices, stored between runs."""

from homeassistant.core import HomeAssistant, callback

from .coordinator import SmgwCoordinator
from .han.history import ProfileSlice
from .history_setup import History
from .logins import Login
from .quarters import Quarters


async def async_quarters(
    hass: HomeAssistant, coordinator: SmgwCoordinator, history: History | None
) -> Quarters:
    """Return what was kept; slices of the first session already come into it."""
    quarters = Quarters(hass, coordinator.gateway_id)
    await quarters.async_load()

    @callback
    def take(_login: Login, part: ProfileSlice) -> None:
        quarters.async_take_slice(part)

    entry = coordinator.config_entry
    if history is not None:
        entry.async_on_unload(history.importer.async_listen_slices(take))
    entry.async_on_unload(quarters.async_close)
    return quarters


@callback
def async_follow_quarters(coordinator: SmgwCoordinator, quarters: Quarters) -> None:
    """Take what is known and what each poll brings."""

    @callback
    def take() -> None:
        quarters.async_keep_only(coordinator.logins.registers)
        if coordinator.last_update_success:
            quarters.async_take(coordinator.data.meters.values())

    coordinator.config_entry.async_on_unload(coordinator.async_add_listener(take))
    take()
