"""A real Home Assistant for the browser tests, driven from synchronous tests."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Thread
import time
from typing import Any

from ha_client import BERLIN, HAClient
from ha_process import HomeAssistant, free_port, prepare_config

USER = PASSWORD = "demo"
CORE = {"location_name": "Test home", **BERLIN}
HARMLESS = (
    # Home Assistant says so about every custom integration,
    "We found a custom integration smgw which has not been tested",
    # and so about every platform of every integration when the home's language changes.
    "Failed to load integration for translation: Invalid domain smgw.",
)


class Home:
    """A running Home Assistant; its event loop lives in a thread, because Playwright needs this one."""

    def __init__(self, folder: Path) -> None:
        """Prepare the config folder and the thread."""
        self.config = folder / "config"
        self.output = folder / "hass.log"
        self.base = f"http://localhost:{(port := free_port())}"
        self.tokens: dict[str, Any] = {}
        prepare_config(self.config, port)
        self._process = HomeAssistant(self.config, self.output)
        self._log_read = 0
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="home")

    def start(self) -> None:
        """Start Home Assistant and do the onboarding."""
        self._thread.start()
        self._running = asyncio.run_coroutine_threadsafe(
            self._process.run(), self._loop
        )
        self.call(self._onboard)

    def call[T](self, function: Callable[[HAClient], Awaitable[T]]) -> T:
        """Run a coroutine function with a logged-in client."""

        async def run() -> T:
            async with HAClient(self.base, self.tokens.get("access_token", "")) as ha:
                return await function(ha)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(180)

    async def _onboard(self, ha: HAClient) -> None:
        await ha.wait_up()
        await ha.onboard(USER, PASSWORD, "en", CORE)
        # where and how the pages keep them
        self.tokens = {
            "access_token": ha.token,
            "refresh_token": ha.refresh_token,
            "token_type": "Bearer",
            "expires_in": 1800,
            "expires": int((time.time() + 1800) * 1000),
            "hassUrl": self.base,
            "clientId": ha.client_id,
        }

    def entry(self, gateway_id: str | None = None) -> dict[str, Any] | None:
        """Return a gateway's config entry, or that of any gateway."""
        entries = self.call(lambda ha: ha.entries("smgw"))
        found = (e for e in entries if gateway_id in (None, e["title"]))
        return next(found, None)

    def remove_entry(self, gateway_id: str | None = None) -> None:
        """Remove a gateway, or any."""
        if entry := self.entry(gateway_id):
            path = f"/api/config/config_entries/entry/{entry['entry_id']}"
            self.call(lambda ha: ha.rest("DELETE", path))

    def restart(self, between: Callable[[], None]) -> None:
        """End Home Assistant, do something, and start it again."""
        asyncio.run_coroutine_threadsafe(self._process.stop(), self._loop).result(60)
        self._running.result(60)
        between()
        self._running = asyncio.run_coroutine_threadsafe(
            self._process.run(), self._loop
        )
        self.call(self._up_again)
        # Each start begins a log of its own.
        self._log_read = 0

    def kill_and_start(self) -> None:
        """Kill Home Assistant where it stands, and start it again."""
        self._loop.call_soon_threadsafe(self._process.kill)
        self._running.result(60)
        self._running = asyncio.run_coroutine_threadsafe(
            self._process.run(), self._loop
        )
        self.call(self._up_again)
        self._log_read = 0

    async def _up_again(self, ha: HAClient) -> None:
        await ha.wait_up()
        await ha.wait_running()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.5)

    def language(self, language: str) -> None:
        """Set the language of the user's pages, as the profile page does."""
        value = {
            "language": language,
            "number_format": "language",
            "time_format": "language",
            "date_format": "language",
            "time_zone": "local",
            "first_weekday": "language",
        }
        self.call(
            lambda ha: ha.ws("frontend/set_user_data", key="language", value=value)
        )

    def log(self) -> str:
        """Return Home Assistant's whole log."""
        return (self.config / "home-assistant.log").read_text(encoding="utf-8")

    def new_complaints(self) -> list[str]:
        """Return errors of anybody, and whatever our integration logged, since the last call."""
        lines = self.log().splitlines()
        new, self._log_read = lines[self._log_read :], len(lines)
        return [
            line
            for line in new
            if (" ERROR " in line or " CRITICAL " in line or "smgw" in line)
            and not any(harmless in line for harmless in HARMLESS)
        ]

    def stop(self) -> None:
        """End Home Assistant and the thread."""
        try:
            asyncio.run_coroutine_threadsafe(self._process.stop(), self._loop).result(
                60
            )
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
