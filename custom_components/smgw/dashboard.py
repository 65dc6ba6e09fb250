"""Which statistics the owner is told to choose on the Energy dashboard."""

from collections.abc import Iterator

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE

from .han.model import Account, Register
from .memory import async_memory
from .registers import describe
from .statistics import measure
from .texts import Texts


def statistic_name(register: Register, texts: Texts) -> str:
    """Return what the Energy dashboard calls the statistic of a register."""
    return kind_name("name", register, texts)


def kind_name(kind: str, register: Register, texts: Texts) -> str:
    """Return the name of the statistic of a register, or of one made of it.

    `kind` is `name`, or what is made of it: `cost`, `credit`, `energy`.
    """
    sensor = describe(register)
    return texts.say(
        f"statistic_{kind}",
        register=texts.sensor(
            sensor.translation_key or "", sensor.translation_placeholders or {}
        ),
        meter=register.meter_id,
    )


async def async_names(
    hass: HomeAssistant, gateway_id: str, account: Account
) -> list[str]:
    """Return the names of the usual statistics that an account's meters will have.

    Of a meter in another's place they are that one's. None without a recorder. The names are in the language of the system, as the
    dashboard shows them.
    """
    memory = await async_memory(hass, gateway_id)
    seen = memory.seen(account)
    if seen is None or DATA_INSTANCE not in hass.data:
        return []
    texts = await Texts.async_load(hass, hass.config.language)
    return [
        statistic_name(memory.successions.named(register), texts)
        for meter in seen.snapshot.meters.values()
        for register in _to_choose([r.register for r in meter.readings.values()])
    ]


def _to_choose(registers: list[Register]) -> Iterator[Register]:
    """Return the registers of a meter that count all there is, each once.

    Not the steps of a tariff where their total is there as well.
    """
    totals = {
        (r.obis.a, r.obis.b, r.obis.c, r.obis.d) for r in registers if not r.obis.e
    }
    for register in registers:
        obis = register.obis
        total = (obis.a, obis.b, obis.c, obis.d)
        if (
            measure(register)
            and describe(register).entity_registry_enabled_default
            and (not obis.e or total not in totals)
        ):
            yield register
