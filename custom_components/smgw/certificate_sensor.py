"""Sensors that tell how long the certificates of logins are valid: one each."""

from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import devices
from .const import LOGIN_CERTIFICATE, SIGNAL_LOGINS
from .coordinator import SmgwCoordinator
from .entity import GatewayEntity
from .logins import Login
from .models import SmgwConfigEntry

CERTIFICATE = SensorEntityDescription(
    key=LOGIN_CERTIFICATE,
    translation_key=LOGIN_CERTIFICATE,
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
)


@callback
def async_follow_certificates(
    hass: HomeAssistant,
    entry: SmgwConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Have a sensor for each login with a certificate, now and whenever they change."""
    coordinator = entry.runtime_data.coordinator
    sensors: dict[str, CertificateSensor] = {}

    @callback
    def follow() -> None:
        present = {
            login.subentry_id: login
            for login in coordinator.logins
            if login.valid_until
        }
        for login_id in sensors.keys() - present.keys():
            del sensors[login_id]
        new = {
            login_id: CertificateSensor(coordinator, login)
            for login_id, login in present.items()
            if login_id not in sensors
        }
        sensors.update(new)
        devices.async_keep_certificates(
            hass, entry, {sensor.unique_id for sensor in sensors.values()}
        )
        async_add_entities(new.values())

    follow()
    signal = SIGNAL_LOGINS.format(entry.entry_id)
    entry.async_on_unload(async_dispatcher_connect(hass, signal, follow))


class CertificateSensor(GatewayEntity, SensorEntity):
    """Until when a login's certificate is valid: known even if the gateway is away.

    It belongs to the gateway's device, and carries no subentry id: that would move the
    device. So it is removed by hand when its login goes.
    """

    def __init__(self, coordinator: SmgwCoordinator, login: Login) -> None:
        """Take the login as it is now."""
        super().__init__(coordinator, CERTIFICATE)
        self._login_id = login.subentry_id
        self._attr_unique_id = (
            f"{coordinator.gateway_id}_{login.subentry_id}_{LOGIN_CERTIFICATE}"
        )
        self._take(login)

    def _take(self, login: Login) -> None:
        self._attr_native_value = login.valid_until
        self._attr_translation_placeholders = {"login": login.title}
        # Cached; Home Assistant does not see what it is made of.
        self.__dict__.pop("name", None)

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the login: its certificate may be renewed, its name changed."""
        await super().async_added_to_hass()
        signal = SIGNAL_LOGINS.format(self.coordinator.config_entry.entry_id)
        self.async_on_remove(
            async_dispatcher_connect(self.hass, signal, self._login_changed)
        )

    @callback
    def _login_changed(self) -> None:
        login = self.coordinator.logins.get(self._login_id)
        if login is not None and login.valid_until is not None:
            self._take(login)
            self.async_write_ha_state()

    @property
    @override
    def available(self) -> bool:
        """Return that it is always known."""
        return True
