"""Sensors of contracts: how they stand, and the registers the gateway keeps for them.

What they show was read once a day, behind the readings of a poll, and is stored.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import MATCH_ALL, EntityCategory
from homeassistant.core import callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity
from homeassistant.util import dt as dt_util

from .contract_notes import current_period, standing
from .coordinator import SmgwCoordinator
from .entity import gateway_device, meter_device
from .han.history import Contract, ContractState, DerivedRegister
from .han.localtime import BERLIN
from .logins import ContractSeen
from .models import SmgwConfigEntry
from .registers import describe
from .schedule import HOUR, MINUTE

STATE = SensorEntityDescription(
    key="state",
    translation_key="contract_state",
    device_class=SensorDeviceClass.ENUM,
    options=list(ContractState),
    entity_category=EntityCategory.DIAGNOSTIC,
)
VALID_UNTIL = SensorEntityDescription(
    key="valid_until",
    translation_key="contract_valid_until",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
)
TARIFF_STEP = SensorEntityDescription(
    key="tariff_step", translation_key="contract_tariff_step"
)
_STEPS = 2
# What was told longer ago may have changed since.
_STEP_LASTS = 2 * HOUR
# Registers with a name of their own; any other is called by its code.
_NAMED = frozenset(
    {
        *("import_total", "export_total", "import_tariff", "export_tariff"),
        *("import_error", "export_error", "gas_volume", "gas_volume_corrected"),
        *("cold_water_total", "hot_water_total", "heat_total"),
    }
)

type _Key = tuple[str, str]
"""Logical name of the contract and key of the description."""


@callback
def async_follow_contracts(
    entry: SmgwConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Have the sensors of each contract, once it is seen."""
    coordinator = entry.runtime_data.coordinator
    known: set[_Key] = set()
    before: dict[str, ContractSeen] = {}

    @callback
    def add_new() -> None:
        nonlocal before
        seen = coordinator.contracts
        if seen == before:
            return
        before = seen
        # What has gone with a login would come back as new.
        known.intersection_update([key for key in known if key[0] in seen])
        new = {key: make for key, make in _sensors(coordinator) if key not in known}
        known.update(new)
        async_add_entities(make() for make in new.values())

    add_new()
    entry.async_on_unload(coordinator.async_add_listener(add_new))


def _sensors(
    coordinator: SmgwCoordinator,
) -> Iterator[tuple[_Key, Callable[[], SensorEntity]]]:
    """Yield what was read of contracts: key, and how to make the sensor."""
    for name, (contract, derived, _) in coordinator.contracts.items():
        yield (name, STATE.key), partial(ContractStanding, coordinator, contract)
        if contract.valid_until is not None:
            yield (name, VALID_UNTIL.key), partial(ValidUntil, coordinator, contract)
        registers = derived.registers if derived else ()
        if contract.taf == _STEPS and any(item.tariff for item in registers):
            yield (name, TARIFF_STEP.key), partial(TariffStep, coordinator, contract)
        for item in registers:
            key = (name, str(item.register.obis))
            yield key, partial(ContractRegister, coordinator, contract, item)


def _describe(
    coordinator: SmgwCoordinator, contract: Contract, item: DerivedRegister
) -> SensorEntityDescription:
    """Return the sensor of a contract's register, by the table of registers."""
    usual = describe(item.register)
    obis = str(item.register.obis)
    name, placeholders = usual.translation_key, usual.translation_placeholders
    if name not in _NAMED:
        name, placeholders = "register", {"obis": obis}
    own = {(meter, obis) for meter in contract.meters}
    return SensorEntityDescription(
        key=obis,
        translation_key=f"contract_{name}",
        translation_placeholders=placeholders,
        device_class=usual.device_class,
        state_class=usual.state_class,
        native_unit_of_measurement=usual.native_unit_of_measurement,
        suggested_display_precision=usual.suggested_display_precision,
        entity_category=usual.entity_category,
        # A total the meter's own sensor shows as well, and sooner.
        entity_registry_enabled_default=usual.entity_registry_enabled_default
        and (item.tariff != 0 or own.isdisjoint(coordinator.logins.registers)),
    )


class ContractEntity(CoordinatorEntity[SmgwCoordinator], SensorEntity):
    """A sensor of a contract, on its meter's device, or the gateway's."""

    _attr_has_entity_name = True
    _unrecorded_attributes = frozenset({MATCH_ALL})

    def __init__(
        self,
        coordinator: SmgwCoordinator,
        contract: Contract,
        description: SensorEntityDescription,
    ) -> None:
        """Attach to a device; of a contract that has ended, disabled at first."""
        super().__init__(coordinator)
        self._name = contract.logical_name
        running = standing(contract, dt_util.utcnow()) is not ContractState.ENDED
        self.entity_description = replace(
            description,
            translation_placeholders={
                **(description.translation_placeholders or {}),
                "contract": contract.name or contract.logical_name,
            },
            entity_registry_enabled_default=(
                description.entity_registry_enabled_default and running
            ),
        )
        gateway_id = coordinator.gateway_id
        self._attr_unique_id = f"{gateway_id}_{self._name}_{description.key}"
        meters = coordinator.data.meters
        own = meters.get(contract.meters[0]) if len(contract.meters) == 1 else None
        self._attr_device_info = (
            meter_device(coordinator, own) if own else gateway_device(coordinator)
        )
        self._written: tuple[object, ...] = ()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write what is new: most polls are of other accounts, or bring no contracts."""
        # Billing periods begin with a day.
        today = dt_util.utcnow().astimezone(BERLIN).date()
        found = (self._seen, self.available, self.native_value, today)
        if found != self._written:
            self._written = found
            super()._handle_coordinator_update()

    @property
    def _seen(self) -> ContractSeen | None:
        return self.coordinator.contracts.get(self._name)

    @property
    @override
    def available(self) -> bool:
        """Return whether the gateway told of the contract, however long ago."""
        return self._seen is not None


class ContractStanding(ContractEntity):
    """How a contract stands, and what it is about."""

    def __init__(self, coordinator: SmgwCoordinator, contract: Contract) -> None:
        """Take the contract."""
        super().__init__(coordinator, contract, STATE)

    @property
    @override
    def native_value(self) -> ContractState | None:
        """Return how it stands now, which may be long after it was read."""
        seen = self._seen
        return standing(seen.contract, dt_util.utcnow()) if seen else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return what the gateway tells of it."""
        if (seen := self._seen) is None:
            return None
        contract = seen.contract
        period = current_period(contract, dt_util.utcnow())
        capture = contract.capture_period
        return {
            "use_case": f"taf_{contract.taf}" if contract.taf else None,
            "supplier": contract.supplier,
            "metering_point": contract.metering_point,
            "meters": list(contract.meters),
            "valid_from": contract.valid_from,
            "valid_until": contract.valid_until,
            "billing_period_start": period.start if period else None,
            "billing_period_end": period.end if period else None,
            "billing_periods": len(contract.billing_periods),
            "capture_period": capture / MINUTE if capture else None,
            "logical_name": contract.logical_name,
        }


class ValidUntil(ContractEntity):
    """When a contract ends."""

    def __init__(self, coordinator: SmgwCoordinator, contract: Contract) -> None:
        """Take the contract."""
        super().__init__(coordinator, contract, VALID_UNTIL)

    @property
    @override
    def native_value(self) -> datetime | None:
        """Return its end; None if it has none any more."""
        return self._seen.contract.valid_until if self._seen else None


class _ReadDaily(ContractEntity):
    """What the gateway computes for a contract; unavailable with the gateway."""

    @property
    @override
    def available(self) -> bool:
        """Return whether the last poll succeeded, and an account sees the contract."""
        seen = self._seen
        works = seen is not None and seen.works
        return works and self.coordinator.last_update_success


class TariffStep(_ReadDaily):
    """Which tariff step counts."""

    def __init__(self, coordinator: SmgwCoordinator, contract: Contract) -> None:
        """Take the contract."""
        super().__init__(coordinator, contract, TARIFF_STEP)

    @property
    @override
    def native_value(self) -> int | None:
        """Return the step; None if two looks at the registers do not make it certain."""
        derived = self._seen.derived if self._seen else None
        if derived is None or dt_util.utcnow() - derived.at > _STEP_LASTS:
            return None
        return derived.tariff


class ContractRegister(_ReadDaily):
    """A register that the gateway keeps for a contract."""

    def __init__(
        self, coordinator: SmgwCoordinator, contract: Contract, item: DerivedRegister
    ) -> None:
        """Take the register as it was first seen."""
        super().__init__(coordinator, contract, _describe(coordinator, contract, item))
        self._obis = str(item.register.obis)
        self._unit = item.register.unit

    @property
    def _item(self) -> DerivedRegister | None:
        derived = self._seen.derived if self._seen else None
        found = derived.registers if derived else ()
        return next(
            (
                item
                for item in found
                if str(item.register.obis) == self._obis
                and item.register.unit is self._unit
            ),
            None,
        )

    @property
    @override
    def native_value(self) -> Decimal | None:
        """Return its newest value; None without one to count with."""
        item = self._item
        return item.row.value if item and item.row.usable else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return which moment it is of, and in which billing period."""
        if (item := self._item) is None or self._seen is None:
            return None
        period = current_period(self._seen.contract, dt_util.utcnow())
        return {
            "target_time": item.row.target_time,
            "tariff_step": item.tariff,
            "billing_period_start": period.start if period else None,
            "billing_period_end": period.end if period else None,
        }
