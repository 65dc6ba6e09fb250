"""Downloads of what an action has made, by an address that is signed for minutes."""

from datetime import timedelta

from aiohttp import hdrs, web

from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .downloads import Download, async_downloads

SIGNED_FOR = timedelta(minutes=10)
_URL = f"/api/{DOMAIN}/download"


class DownloadView(HomeAssistantView):
    """Hands a file out to whoever shows its address, signed or with a session."""

    url = f"{_URL}/{{token}}"
    name = f"api:{DOMAIN}:download"

    async def get(self, request: web.Request, token: str) -> web.StreamResponse:
        """Return the file; 404 if it is gone."""
        download = async_downloads(request.app[KEY_HASS]).get(token)
        if download is None:
            raise web.HTTPNotFound
        return web.FileResponse(
            download.path,
            headers={
                hdrs.CONTENT_TYPE: download.content_type,
                hdrs.CONTENT_DISPOSITION: f'attachment; filename="{download.name}"',
                hdrs.CACHE_CONTROL: "no-store",
                hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
            },
        )


@callback
def async_address(hass: HomeAssistant, download: Download) -> str:
    """Return the address of a file, signed for ten minutes."""
    return async_sign_path(hass, f"{_URL}/{download.token}", SIGNED_FOR)
