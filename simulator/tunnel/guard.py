"""For pages on loopback: nobody but this machine's own pages and programs."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from yarl import URL

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other names (rebinding) and other pages; what fails becomes JSON."""
    host = URL(f"http://{request.headers.get('Host', '')}").host or ""
    origin = request.headers.get("Origin")
    if not loopback(host):
        return problem(403, "only for this machine")
    if origin is not None and urlsplit(origin).netloc != request.headers["Host"]:
        return problem(403, "only for its own page")
    if request.can_read_body and request.content_type != "application/json":
        return problem(415, "JSON only")
    try:
        return await handler(request)
    except KeyError as err:
        return problem(404, f"there is no {err}")
    except (ValueError, TypeError) as err:
        return problem(400, str(err))


def problem(status: int, text: str, **more: Any) -> web.Response:
    """Return an error as JSON."""
    return web.json_response({"error": text, **more}, status=status)


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request, empty without a body; TypeError."""
    told = await request.json() if request.can_read_body else {}
    if not isinstance(told, dict):
        raise TypeError("a JSON object is wanted")
    return told
