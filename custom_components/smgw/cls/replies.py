"""Answers as aiohttp sends them."""

from collections.abc import Mapping
import json
from typing import Any

from aiohttp import web

from .problems import Problem


def json_response(
    body: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    kind: str = "application/json",
) -> web.Response:
    """Return JSON: rows of the ledger as they are, without a blank too many."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    response = web.Response(
        body=text.encode("utf-8", "replace"), status=status, headers=headers
    )
    response.content_type = kind
    return response


def problem_response(problem: Problem) -> web.Response:
    """Return a refusal."""
    response = json_response(
        problem.document(),
        status=problem.status,
        headers=problem.headers,
        kind="application/problem+json",
    )
    if problem.closing:
        response.force_close()
    return response
