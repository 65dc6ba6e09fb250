"""Files that an owner has uploaded."""

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .const import DOMAIN


def read_upload(hass: HomeAssistant, file_id: str, most: int) -> bytes:
    """Return the content of an uploaded file, which is deleted with it. Blocks.

    At most one byte more than `most`. Raises `ValueError` if there is none.
    """
    with process_uploaded_file(hass, file_id) as path, path.open("rb") as file:
        return file.read(most + 1)


async def async_upload(hass: HomeAssistant, file_id: str, most: int) -> bytes:
    """The same for an action. Raises `ServiceValidationError`."""
    try:
        return await hass.async_add_executor_job(read_upload, hass, file_id, most)
    except ValueError:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="upload_gone"
        ) from None
