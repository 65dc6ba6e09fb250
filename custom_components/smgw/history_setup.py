"""What an entry has for its long-term statistics, where there is a recorder."""

from dataclasses import dataclass

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import DATA_INSTANCE

from .budget import Kind
from .coordinator import SmgwCoordinator
from .importer import Importer
from .joining import async_join_meters
from .recording import Recording
from .writer import Writer


@dataclass(frozen=True, slots=True)
class History:
    """The statistics of one gateway: what polls bring, and what it keeps."""

    recording: Recording
    importer: Importer
    writer: Writer


@callback
def async_prepare_history(
    hass: HomeAssistant, coordinator: SmgwCoordinator
) -> History | None:
    """Have the history ride in the first session already; None without a recorder."""
    if DATA_INSTANCE not in hass.data:
        return None
    memory = coordinator.memory
    writer = Writer(hass, coordinator.gateway_id, memory.successions, memory.async_keep)
    importer = Importer(hass, coordinator, writer)
    coordinator.errands.async_register(importer)
    return History(Recording(hass, coordinator, writer), importer, writer)


@callback
def async_follow_history(coordinator: SmgwCoordinator, history: History) -> None:
    """Record what is known and what each poll brings.

    Of a gateway that was just added the history begins at once: the form that added it
    has read it, and the next poll may be a quarter of an hour away.
    """
    entry, recording = coordinator.config_entry, history.recording
    entry.async_on_unload(coordinator.async_add_listener(recording.async_take))
    recording.async_take()
    # What an earlier run was stopped in.
    async_join_meters(coordinator.hass, coordinator, history.writer)
    entry.async_create_background_task(
        coordinator.hass,
        history.importer.async_compare(coordinator.data),
        f"{entry.title} statistics compared",
    )
    if history.importer.untouched:
        coordinator.errands.async_open(list(coordinator.logins), Kind.FIRST)
