"""An EMT that compares every answer with the OpenAPI document: status, headers, kind of content, and shape."""

import re
from typing import Any, override

import jsonschema_rs

from custom_components.smgw.cls import openapi

from .emt import Emt, Reply

DOCUMENT = openapi.document("1.2.3")
# Of HTTP itself: no document names them.
_OF_HTTP = {
    "connection",
    "content-length",
    "content-type",
    "date",
    "server",
    "transfer-encoding",
}
# What is refused before anybody knows the operation.
_BEFORE = {400, 404, 405, 408, 413, 429, 431}


class ConformingEmt(Emt):
    """Asks, and believes nothing."""

    @override
    async def ask(self, method: str, path: str, *args: Any, **more: Any) -> Reply:
        """Ask, and wait for an answer that the document describes."""
        reply = await super().ask(method, path, *args, **more)
        check(method, path, reply)
        return reply


def check(method: str, path: str, reply: Reply) -> None:
    """Compare an answer with the document."""
    told = _told(method, path, reply.status)
    kind = reply.headers["content-type"].partition(";")[0]
    assert kind in told["content"], (method, path, reply.status, kind)
    named = {name.lower() for name in told.get("headers", {})}
    assert reply.headers.keys() <= named | _OF_HTTP, (method, path, reply.headers)
    if reply.status == 202:
        assert "location" in reply.headers
    if kind.endswith("json") and method != "HEAD":
        schema = {**DOCUMENT, **told["content"][kind]["schema"]}
        jsonschema_rs.validate(schema, reply.json, validate_formats=True)


def _told(method: str, path: str, status: int) -> Any:
    """Return what the document says of an answer."""
    problem = DOCUMENT["components"]["responses"]["Problem"]
    operation = _operation(method, path)
    if operation is None:
        assert status in _BEFORE, (method, path, status)
        return problem
    assert str(status) in operation["responses"], (method, path, status)
    told = operation["responses"][str(status)]
    return problem if "$ref" in told else told


def _operation(method: str, path: str) -> Any:
    target = path if path.startswith("/") else f"/cls/v1/{path}".rstrip("/")
    target = target.partition("?")[0]
    fixed_first = sorted(DOCUMENT["paths"], key=lambda known: "{" in known)
    for known in fixed_first:
        if re.fullmatch(known.replace("{id}", "[^/]+"), target):
            return DOCUMENT["paths"][known].get(method.lower())
    return None
