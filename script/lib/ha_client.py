"""A small client for a running Home Assistant: onboarding, login, config flows, websocket commands.

It uses what Home Assistant's own pages use, and only aiohttp, which is in
Home Assistant's environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Self

import aiohttp

# HTTP answers before the set-up has ended; a first start on a slow machine takes a minute.
START_TIMEOUT = 300
# A home in Germany, as the onboarding pages store it; its name is missing.
BERLIN = {
    "latitude": 52.52,
    "longitude": 13.405,
    "elevation": 34,
    "unit_system": "metric",
    "currency": "EUR",
    "country": "DE",
    "language": "en",
    "time_zone": "Europe/Berlin",
}


class HAError(Exception):
    """An answer that says no."""


class HAClient:
    """REST and websocket against one Home Assistant."""

    def __init__(self, base: str, token: str = "") -> None:
        """Take the address, as the browser uses it: the login is bound to it."""
        self.base = base.rstrip("/")
        self.client_id = self.base + "/"
        self.token = token
        self.refresh_token = ""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120))
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._id = 0

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close all connections."""
        if self._ws is not None:
            await self._ws.close()
        await self._session.close()

    async def rest(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        form: dict[str, str] | None = None,
        ok: tuple[int, ...] = (200, 201),
    ) -> Any:
        """Send one request; return the JSON of the answer, or its text."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._session.request(
            method, self.base + path, headers=headers, json=body, data=form
        ) as response:
            text = await response.text()
            if response.status not in ok:
                raise HAError(f"{method} {path}: {response.status} {text[:300]}")
            if response.content_type == "application/json":
                return await response.json()
            return text

    async def wait_up(self) -> None:
        """Wait until the HTTP server answers."""
        end = time.monotonic() + START_TIMEOUT
        while True:
            try:
                await self.rest("GET", "/api/onboarding", ok=(200, 404))
            except aiohttp.ClientError, TimeoutError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    async def wait_running(self) -> None:
        """Wait until everything is set up (needs a token)."""
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            with contextlib.suppress(HAError, aiohttp.ClientError):
                if (await self.rest("GET", "/api/config"))["state"] == "RUNNING":
                    return
            await asyncio.sleep(0.2)
        raise HAError("Home Assistant has not finished its start")

    async def login(self, username: str, password: str) -> None:
        """Log in as the login page does."""
        start = {
            "client_id": self.client_id,
            "handler": ["homeassistant", None],
            "redirect_uri": self.client_id,
        }
        flow = await self.rest("POST", "/auth/login_flow", start)
        answer = {
            "client_id": self.client_id,
            "username": username,
            "password": password,
        }
        step = await self.rest("POST", f"/auth/login_flow/{flow['flow_id']}", answer)
        if step["type"] != "create_entry":
            raise HAError(f"login as {username}: {step.get('errors', step['type'])}")
        await self._exchange(step["result"])

    async def onboard(
        self, username: str, password: str, language: str, core: dict[str, Any]
    ) -> None:
        """Do all that the onboarding pages do; log in if they are already done."""
        steps = await self.rest("GET", "/api/onboarding", ok=(200, 404))
        todo = (
            {step["step"] for step in steps if not step["done"]}
            if isinstance(steps, list)
            else set()
        )
        if "user" not in todo:
            await self.login(username, password)
            await self.wait_running()
            return
        owner = {
            "client_id": self.client_id,
            "name": username.capitalize(),
            "username": username,
            "password": password,
            "language": language,
        }
        created = await self.rest("POST", "/api/onboarding/users", owner)
        await self._exchange(created["auth_code"])
        await self.wait_running()
        await self.ws("config/core/update", **core)
        if "analytics" in todo:
            await self.rest("POST", "/api/onboarding/analytics")
        if "integration" in todo:
            redirect = {
                "client_id": self.client_id,
                "redirect_uri": self.client_id + "?auth_callback=1",
            }
            await self.rest("POST", "/api/onboarding/integration", redirect)

    async def ws(self, command: str, **fields: Any) -> Any:
        """Send one websocket command and return its result."""
        if self._ws is None or self._ws.closed:
            self._ws = await self._connect()
        self._id += 1
        await self._ws.send_json({"id": self._id, "type": command, **fields})
        while True:
            answer = await self._ws.receive_json()
            if answer.get("id") != self._id or answer["type"] != "result":
                continue
            if not answer["success"]:
                raise HAError(f"{command}: {answer['error']}")
            return answer["result"]

    async def add_integration(
        self, domain: str, *inputs: dict[str, Any], known: str | None = None
    ) -> str | None:
        """Run a config flow, one dictionary per form or menu; return the entry's id.

        Returns None if the flow ends with the reason `known`.
        """
        path = "/api/config/config_entries/flow"
        step = await self.rest("POST", path, {"handler": domain})
        for user_input in inputs:
            if step["type"] not in ("form", "menu"):
                break
            step = await self.rest("POST", f"{path}/{step['flow_id']}", user_input)
        if step["type"] == "abort" and step["reason"] == known:
            return None
        if step["type"] != "create_entry":
            why = step.get("errors") or step.get("reason") or step.get("step_id")
            raise HAError(f"adding {domain}: {step['type']} {why}")
        return str(step["result"]["entry_id"])

    async def entries(self, domain: str) -> list[dict[str, Any]]:
        """Return the config entries of an integration."""
        path = f"/api/config/config_entries/entry?domain={domain}"
        found: list[dict[str, Any]] = await self.rest("GET", path)
        return found

    async def entity_ids(self, domain: str) -> dict[str, str]:
        """Return entity ids by unique id."""
        rows = await self.ws("config/entity_registry/list")
        return {
            row["unique_id"]: row["entity_id"]
            for row in rows
            if row["platform"] == domain
        }

    async def state(self, entity_id: str) -> str:
        """Return the state of an entity."""
        return str((await self.rest("GET", f"/api/states/{entity_id}"))["state"])

    async def _exchange(self, code: str) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
        }
        tokens = await self.rest("POST", "/auth/token", form=form)
        self.token = tokens["access_token"]
        self.refresh_token = tokens["refresh_token"]

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        address = self.base.replace("http", "ws", 1) + "/api/websocket"
        ws = await self._session.ws_connect(address, max_msg_size=0)
        await ws.receive_json()  # auth_required
        await ws.send_json({"type": "auth", "access_token": self.token})
        answer = await ws.receive_json()
        if answer["type"] != "auth_ok":
            raise HAError(f"websocket: {answer}")
        return ws
