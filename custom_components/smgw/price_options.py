"""Options about money and gas: prices and conversion factors, each from a day on."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import probatio

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlow
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    BooleanSelector,
    DateSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import dt as dt_util

from .const import CONF_PRICED
from .cost_settings import ENERGY, FACTORS, PRICES, kind_of, price_of, register_of
from .dashboard import kind_name, statistic_name
from .grant_steps import plain_number
from .han.model import Register
from .han.units import Unit
from .models import SmgwConfigEntry
from .price_fields import (
    CONF_BEGIN,
    CONF_CALORIFIC,
    CONF_HOLIDAYS,
    CONF_PER_KWH,
    CONF_PRICE,
    CONF_STATE_NUMBER,
    CONF_WINDOWS,
    FACTOR_SCHEMA,
    may_be_per_kwh,
    number_field,
    stored_windows,
    typed_windows,
    windows_field,
)
from .statistics import measure, statistic_id
from .tariff.errors import TariffInvalid
from .texts import Texts

CONF_REGISTER = "register"
CONF_FORGOTTEN = "forgotten"
TOPICS = ("price", "gas", "forget")
TOPICS_WITHOUT_GAS = ("price", "forget")

_GAS = 7
_UNITS = {"kWh": Unit.KILOWATT_HOUR, "m³": Unit.CUBIC_METRE, "MJ": Unit.MEGAJOULE}
# No supplier asks for more; cents entered as euros are more.
_HIGHEST = {Unit.CUBIC_METRE: Decimal(50)}
_HIGHEST_PER_KWH = Decimal(5)
_EURO = "EUR"


class PriceOptionSteps(OptionsFlow):
    """Part of the options flow; keeps what the others have set."""

    config_entry: SmgwConfigEntry
    _source = ""
    _registers: dict[str, Register]
    _texts: Texts

    async def async_step_prices(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is to be entered."""
        await self._async_look()
        if any(is_gas(one) for one in self._registers.values()):
            return self.async_show_menu(step_id="prices", menu_options=TOPICS)
        return self.async_show_menu(step_id="prices", menu_options=TOPICS_WITHOUT_GAS)

    async def async_step_price(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which register has a price."""
        if user_input is None and len(self._registers) > 1:
            return self._price_form(
                "price", _register_schema(self._registers, self._texts)
            )
        chosen = user_input or {CONF_REGISTER: next(iter(self._registers))}
        self._source = chosen[CONF_REGISTER]
        return await self.async_step_price_of()

    async def async_step_price_of(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the price of a register, and from when it holds."""
        register = self._registers[self._source]
        entries = self._stored(self._source).get(PRICES, ())
        errors: dict[str, str] = {}
        if user_input is not None:
            entry = _price_entry(user_input)
            try:
                price = price_of(entry)
            except TariffInvalid:
                errors[CONF_WINDOWS] = "window_off_quarter"
            else:
                if self._is_too_high(register, [price.standard, *price.prices]):
                    errors[CONF_PRICE] = "price_too_high"
            if entry.get(CONF_PER_KWH) and self._lacks_factors(register):
                errors[CONF_PER_KWH] = "factors_needed"
            if not errors:
                return self._keep_entry(PRICES, entry)
        present = user_input or self._suggested(register, entries)
        currency = self.hass.config.currency
        return self._price_form(
            "price_of",
            _price_schema(currency, register),
            present,
            errors,
            register=statistic_name(register, self._texts),
            statistic=kind_name(kind_of(register), register, self._texts),
            entries=_lines(_price_text(one) for one in entries),
            currency=currency,
        )

    async def async_step_gas(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask of which gas meter it is."""
        gas = {key: one for key, one in self._registers.items() if is_gas(one)}
        if user_input is None and len(gas) > 1:
            return self._price_form("gas", _register_schema(gas, self._texts))
        chosen = user_input or {CONF_REGISTER: next(iter(gas))}
        self._source = chosen[CONF_REGISTER]
        return await self.async_step_gas_of()

    async def async_step_gas_of(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for state number and calorific value, and from when they hold."""
        register = self._registers[self._source]
        entries = self._stored(self._source).get(FACTORS, ())
        if user_input is not None:
            entry = {
                CONF_BEGIN: user_input[CONF_BEGIN],
                CONF_STATE_NUMBER: plain_number(user_input[CONF_STATE_NUMBER]),
                CONF_CALORIFIC: plain_number(user_input[CONF_CALORIFIC]),
            }
            return self._keep_entry(FACTORS, entry)
        newest = _newest(entries)
        return self._price_form(
            "gas_of",
            FACTOR_SCHEMA,
            {
                CONF_BEGIN: dt_util.now().date().isoformat(),
                **{
                    name: float(newest[name])
                    for name in (CONF_STATE_NUMBER, CONF_CALORIFIC)
                    if name in newest
                },
            },
            register=statistic_name(register, self._texts),
            statistic=kind_name(ENERGY, register, self._texts),
            entries=_lines(_factor_text(one) for one in entries),
        )

    async def async_step_forget(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is to be taken out."""
        if user_input is not None:
            return self._forget(set(user_input.get(CONF_FORGOTTEN, ())))
        options = [
            SelectOptionDict(
                value=_entry_id(source, part, entry),
                label=f"{self._name_of(stored)}, {text(entry)}",
            )
            for source, stored in self._priced.items()
            for part, text in ((PRICES, _price_text), (FACTORS, _factor_text))
            for entry in stored.get(part, ())
        ]
        if not options:
            raise AbortFlow("no_prices")
        return self._price_form("forget", _forget_schema(options))

    @property
    def _priced(self) -> dict[str, Any]:
        return dict(self.config_entry.options.get(CONF_PRICED, {}))

    async def _async_look(self) -> None:
        """Find out which registers can have a price. Raises `AbortFlow`."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            raise AbortFlow("not_loaded")
        self._texts = await Texts.async_load(self.hass, self.hass.config.language)
        coordinator = self.config_entry.runtime_data.coordinator
        self._registers = {}
        for meter in coordinator.data.meters.values():
            for reading in meter.readings.values():
                # Of a meter in another's place the statistic is that one's.
                named = coordinator.memory.successions.named(reading.register)
                if (register := _as_recorded(named)) is not None:
                    source = statistic_id(coordinator.gateway_id, register)
                    self._registers[source] = register
        if not self._registers:
            raise AbortFlow("no_registers")

    def _stored(self, source: str) -> dict[str, Any]:
        """Return what is entered for a register."""
        register = self._registers[source]
        return self._priced.get(source) or {
            "meter": register.meter_id,
            "obis": str(register.obis),
            "unit": register.unit.value,
        }

    def _name_of(self, stored: Mapping[str, Any]) -> str:
        register = register_of(stored)
        return statistic_name(register, self._texts) if register else stored["meter"]

    def _suggested(
        self, register: Register, entries: Iterable[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return the fields of a new price: those of the present one, from today on."""
        newest = _newest(entries)
        found = {
            CONF_BEGIN: dt_util.now().date().isoformat(),
            CONF_PER_KWH: newest.get(CONF_PER_KWH, not self._lacks_factors(register)),
            CONF_WINDOWS: typed_windows(newest.get(CONF_WINDOWS, ())),
            CONF_HOLIDAYS: list(newest.get(CONF_HOLIDAYS, ())),
        }
        if newest:
            found[CONF_PRICE] = float(newest[CONF_PRICE])
        return {name: value for name, value in found.items() if value != []}

    def _lacks_factors(self, register: Register) -> bool:
        stored = self._stored(self._source)
        return register.unit is Unit.CUBIC_METRE and not stored.get(FACTORS)

    def _is_too_high(self, register: Register, prices: Iterable[Decimal]) -> bool:
        highest = _HIGHEST.get(register.unit, _HIGHEST_PER_KWH)
        return self.hass.config.currency == _EURO and max(prices) > highest

    def _keep_entry(self, part: str, entry: dict[str, Any]) -> ConfigFlowResult:
        """Store an entry in the place of one from the same day, or beside the others."""
        stored = self._stored(self._source)
        others = [
            one for one in stored.get(part, ()) if one[CONF_BEGIN] != entry[CONF_BEGIN]
        ]
        entries = sorted([*others, entry], key=lambda one: one[CONF_BEGIN])
        return self._keep_priced(
            {**self._priced, self._source: {**stored, part: entries}}
        )

    def _forget(self, forgotten: set[str]) -> ConfigFlowResult:
        """Take entries out; a register without any is not mentioned any more."""
        kept = {}
        for source, stored in self._priced.items():
            left = {
                part: [
                    one
                    for one in stored.get(part, ())
                    if _entry_id(source, part, one) not in forgotten
                ]
                for part in (PRICES, FACTORS)
            }
            if any(left.values()):
                kept[source] = {**stored, **left}
        return self._keep_priced(kept)

    def _keep_priced(self, priced: Mapping[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(
            data={**self.config_entry.options, CONF_PRICED: dict(priced)}
        )

    def _price_form(
        self,
        step_id: str,
        schema: probatio.Schema,
        suggested: Mapping[str, Any] | None = None,
        errors: dict[str, str] | None = None,
        **placeholders: str,
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            description_placeholders=placeholders,
            errors=errors,
        )


def is_gas(register: Register) -> bool:
    """Say whether a register counts the volume of gas."""
    return register.obis.a == _GAS and register.unit is Unit.CUBIC_METRE


def _as_recorded(register: Register) -> Register | None:
    """Return a register in the unit of its statistic; None if it cannot have a price."""
    recorded = measure(register)
    unit = _UNITS.get(recorded.unit or "") if recorded else None
    if unit is None:
        return None
    return Register(meter_id=register.meter_id, obis=register.obis, unit=unit, name="")


def _price_entry(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a price as it is stored."""
    entry: dict[str, Any] = {
        CONF_BEGIN: typed[CONF_BEGIN],
        CONF_PRICE: plain_number(typed[CONF_PRICE]),
    }
    if typed.get(CONF_PER_KWH):
        entry[CONF_PER_KWH] = True
    if windows := typed.get(CONF_WINDOWS):
        entry[CONF_WINDOWS] = stored_windows(windows)
    if holidays := typed.get(CONF_HOLIDAYS):
        entry[CONF_HOLIDAYS] = sorted(set(holidays))
    return entry


def _newest(entries: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    return max(entries, key=lambda one: one[CONF_BEGIN], default={})


def _entry_id(source: str, part: str, entry: Mapping[str, Any]) -> str:
    return f"{source} {part} {entry[CONF_BEGIN]}"


def _price_text(entry: Mapping[str, Any]) -> str:
    """Return a price in a line that needs no language."""
    windows = "".join(
        f"; {one['from'][:5]}–{one['to'][:5]}: {one[CONF_PRICE]}"
        for one in entry.get(CONF_WINDOWS, ())
    )
    return f"{entry[CONF_BEGIN]}: {entry[CONF_PRICE]}{windows}"


def _factor_text(entry: Mapping[str, Any]) -> str:
    return f"{entry[CONF_BEGIN]}: {entry[CONF_STATE_NUMBER]} × {entry[CONF_CALORIFIC]} kWh/m³"


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts) or "–"


def _register_schema(
    registers: Mapping[str, Register], texts: Texts
) -> probatio.Schema:
    """Return the field that chooses a register."""
    options = [
        SelectOptionDict(value=key, label=statistic_name(one, texts))
        for key, one in registers.items()
    ]
    choice = SelectSelector(SelectSelectorConfig(options=options))
    return probatio.Schema({probatio.Required(CONF_REGISTER): choice})


def _price_schema(currency: str, register: Register) -> probatio.Schema:
    """Return the fields of a price of a register."""
    per_kwh = may_be_per_kwh(register)
    unit = currency if per_kwh else f"{currency}/{register.unit}"
    fields: dict[probatio.Marker, Any] = {
        probatio.Required(CONF_BEGIN): DateSelector(),
        probatio.Required(CONF_PRICE): number_field(unit, 0),
    }
    if per_kwh:
        fields[probatio.Required(CONF_PER_KWH, default=True)] = BooleanSelector()
    fields |= {
        probatio.Optional(CONF_WINDOWS): windows_field(unit),
        probatio.Optional(CONF_HOLIDAYS): TextSelector(
            TextSelectorConfig(type=TextSelectorType.DATE, multiple=True)
        ),
    }
    return probatio.Schema(fields)


def _forget_schema(options: list[SelectOptionDict]) -> probatio.Schema:
    """Return the field that chooses among entries."""
    choice = SelectSelector(SelectSelectorConfig(options=options, multiple=True))
    return probatio.Schema({probatio.Required(CONF_FORGOTTEN): choice})
