"""The actions; each family has a module of its own."""

from homeassistant.core import HomeAssistant, callback

from . import (
    action_bill,
    action_control,
    action_doctor,
    action_export,
    action_import,
    action_log,
    action_merge,
    action_profile,
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, which work before any entry is loaded."""
    action_doctor.async_register(hass)
    action_profile.async_register(hass)
    action_export.async_register(hass)
    action_import.async_register(hass)
    action_bill.async_register(hass)
    action_log.async_register(hass)
    action_merge.async_register(hass)
    action_control.async_register(hass)
