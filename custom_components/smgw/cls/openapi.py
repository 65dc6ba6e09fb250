"""The API as an OpenAPI 3.1 document, made of the tables that serve it."""

from typing import Any

from .messages import CREATED, DIGEST, INITIAL, SIGNATURE, TRANSACTION
from .problems import STATUSES
from .routes import ROOT, ROUTES, Route
from .schemas import SCHEMAS, ref
from .shapes import NOTICE

_PARAMETERS: dict[str, dict[str, Any]] = {
    "after": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    "wait": {"type": "integer", "minimum": 0, "maximum": 50},
    "from": ref("Time"),
    "to": ref("Time"),
}
_HEADERS: tuple[tuple[str, bool, dict[str, Any]], ...] = (
    (TRANSACTION, True, ref("Uuid")),
    (CREATED, True, ref("Time")),
    (INITIAL, False, ref("Uuid")),
    (DIGEST, False, {"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"}),
    (
        SIGNATURE,
        False,
        {"type": "string", "pattern": "^[A-Za-z0-9+/]{4,300}={0,2}$"},
    ),
)
# 408 and 413: also of a body that nobody asked for.
_ALWAYS = (400, 403, 404, 405, 408, 413, 422, 429, 500, 503)
_WITH_BODY = (415,)
_WITH_HEADERS = (401, 409)


def document(version: str) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        operations = paths.setdefault(ROOT + route.path, {})
        operations[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CLS API",
            "version": version,
            "summary": "What an external market participant finds at the end of its tunnel",
            "description": NOTICE,
        },
        "servers": [{"url": "/"}],
        "security": [{"tunnel": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "tunnel": {
                    "type": "mutualTLS",
                    "description": "the gateway's tunnel, which stands for one participant",
                }
            },
            "responses": {"Problem": _problem()},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": _responses(route),
    }
    if route.note is not None:
        operation["description"] = route.note
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if route.request is not None:
        # A body of nothing, and that of a heartbeat, may be left out.
        needed = route.request not in ("Nothing", "Heartbeat")
        operation["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": ref(route.request)}},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{id}" in route.path:
        schema = {"type": "string", "minLength": 1, "maxLength": 128}
        found.append({"name": "id", "in": "path", "required": True, "schema": schema})
    found += [
        {"name": name, "in": "query", "required": False, "schema": _PARAMETERS[name]}
        for name in route.query
    ]
    if route.is_write:
        found += [
            {"name": name, "in": "header", "required": required, "schema": schema}
            for name, required, schema in _HEADERS
        ]
    return found


def _responses(route: Route) -> dict[str, Any]:
    status = "202" if route.is_write else "200"
    found = {status: _success(route)}
    statuses = set(_ALWAYS)
    if route.request is not None:
        statuses |= set(_WITH_BODY)
    if route.is_write:
        statuses |= set(_WITH_HEADERS)
    for problem in sorted(statuses & set(STATUSES)):
        found[str(problem)] = {"$ref": "#/components/responses/Problem"}
    # What is no HTTP, or too much of it, is answered before a path is known.
    found["431"] = {"$ref": "#/components/responses/Problem"}
    return found


def _success(route: Route) -> dict[str, Any]:
    if route.answer is not None:
        content = {"application/json": {"schema": ref(route.answer)}}
    elif route.name == "openapi":
        content = {"application/json": {"schema": {"type": "object"}}}
    else:
        content = {"text/plain": {"schema": {"type": "string"}}}
    success: dict[str, Any] = {"description": route.summary, "content": content}
    if route.is_write:
        success["headers"] = {
            "Location": {
                "description": "where the command is told of",
                "schema": {"type": "string"},
            }
        }
    return success


def _problem() -> dict[str, Any]:
    return {
        "description": "Refused: nothing was done",
        "headers": {
            "Retry-After": {
                "description": "seconds, of 429 and 503",
                "schema": {"type": "integer"},
            },
            "Allow": {"description": "of 405", "schema": {"type": "string"}},
        },
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }
