"""The owner's answer: a new meter continues one that has vanished, or does not."""

from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from homeassistant.core import HomeAssistant, callback

from .const import LOGGER
from .coordinator import SmgwCoordinator
from .exchanges import Question, Vanished
from .han.history import Span
from .models import SmgwConfigEntry
from .schedule import HOUR
from .statistics import measure
from .writer import Writer, key_of

# Around the beginning of a new meter.
_AGAIN = timedelta(days=1)


async def async_answer(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    question: Question,
    chosen: Vanished | None,
) -> None:
    """Keep an answer; on a yes what was recorded goes over in the background."""
    coordinator = entry.runtime_data.coordinator
    memory = coordinator.memory
    if chosen is None:
        others = [one.meter_id for one in question.vanished]
        memory.successions.refuse(question.meter_id, others)
    else:
        memory.successions.accept(question.meter_id, chosen.old)
        # The gateway may keep earlier readings of the new meter than polls have shown.
        hour = question.first.replace(minute=0, second=0, microsecond=0)
        memory.history.forget(
            [key for key in memory.history.done if key[0] == question.meter_id],
            Span(hour - _AGAIN, hour + HOUR),
        )
    await memory.async_keep()
    coordinator.async_update_issues()
    if history := entry.runtime_data.history:
        async_join_meters(hass, coordinator, history.writer)


@callback
def async_join_meters(
    hass: HomeAssistant, coordinator: SmgwCoordinator, writer: Writer
) -> None:
    """Have what was recorded of new meters go over into what they continue."""
    entry = coordinator.config_entry
    registers = [
        (reading.register, recorded)
        for meter in coordinator.data.meters.values()
        for reading in meter.readings.values()
        if (recorded := measure(reading.register))
        and coordinator.memory.successions.waiting(key_of(reading.register))
    ]

    async def join() -> None:
        try:
            await writer.async_join(registers)
        except SQLAlchemyError as err:
            LOGGER.warning(
                "%s: statistics cannot be read (%s), they are joined later",
                coordinator.name,
                type(err).__name__,
            )

    if registers:
        entry.async_create_background_task(
            hass, join(), f"{entry.title} statistics joined"
        )
