"""Errors as JSON: RFC 9457 problems, and under the OpenAI routes the shape that OpenAI's clients read."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api import invalid_parts
from api.telemetry.request_ids import HEADER, REQUEST_ID
from rag.errors import (
    BadImage,
    BadSettings,
    Busy,
    Changed,
    Conflict,
    InvalidInput,
    NotFound,
    OlharError,
    RecordsUnavailable,
    Unavailable,
)

logger = logging.getLogger(__name__)

STATUS: Mapping[type[OlharError], int] = {
    BadImage: 400,
    BadSettings: 500,
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    Changed: 412,
    Busy: 429,
    Unavailable: 503,
    OlharError: 500,
}
"""The status of an error is that of the nearest class here, itself or above."""

RETRY_AFTER_S, LONGEST_RETRY_S = 5, 60
"""What is told where nobody knows when it helps to ask again, and at most."""
AWAY = "the records are away (OLHAR_DATABASE_URL); the server's log says why"
SAFE_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "vary": "authorization, x-api-key, cookie",
}
"""Of every answer without its own: it is no page, stands in no frame, and no cache keeps what is private."""
OPENAI = ("/v1/models", "/v1/responses", "/v1/embeddings", "/v1/rerank", "/v2/rerank")
SHOWN_ERRORS = 20


class Refused(HTTPException):
    """A request that is turned away before its route is asked. ``kind`` as in ``failure``."""

    def __init__(self, status: int, detail: str, kind: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.kind = kind


class ModelNotFound(NotFound):
    """A chat request names a model, which here means a collection, that is not there."""


def speaks_openai(path: str) -> bool:
    """Whether errors of this path have OpenAI's shape."""
    return path in OPENAI or path.startswith(("/v1/models/", "/v1/chat/", "/v1/responses/"))


def failure(
    path: str,
    status: int,
    detail: str,
    *,
    kind: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for a failed request, in the shape of its path.

    ``kind`` is the error's class in kebab-case; empty where the status says it all. ``errors`` are
    the invalid parts of the request, each ``{"where", "message"}``.
    """
    if speaks_openai(path):
        return _openai(status, detail, kind, errors, headers)
    body: dict[str, object] = {
        "type": f"urn:olhar:problem:{kind}" if kind else "about:blank",
        "title": kind.replace("-", " ").capitalize() if kind else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": quote(path, errors="replace"),
    }
    if errors:
        body["errors"] = list(errors)
    if request_id := REQUEST_ID.get():
        body["request_id"] = request_id
    return _response(status, body, "application/problem+json", headers)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` in these shapes."""
    app.add_exception_handler(OlharError, _on_olhar_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ClientDisconnect, _on_hang_up)
    app.add_exception_handler(Exception, _on_bug)


def invalid(error: ValidationError, *where: str, body: object = None) -> RequestValidationError:
    """The same error, as one of the request; ``where`` names the part that was validated, ``body`` is what
    was sent.
    """
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return RequestValidationError([{**e, "loc": (*where, *e["loc"])} for e in details], body=body)


def status_of(error: type[OlharError]) -> int:
    """The HTTP status of a class of errors."""
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)


def told(path: str, error: OlharError) -> Response:
    """The response for an error of the library, in the shape of its path."""
    status = status_of(type(error))
    headers = {"retry-after": str(_seconds(error))} if status in (429, 503) and error.retryable else None
    return failure(path, status, detail_of(error), kind=kebab(type(error).__name__), headers=headers)


def _seconds(error: OlharError) -> int:
    known = error.seconds if isinstance(error, Busy) else None
    return RETRY_AFTER_S if known is None else min(max(math.ceil(known), 1), LONGEST_RETRY_S)


def detail_of(error: OlharError) -> str:
    """What clients are told of an error of the library."""
    if not isinstance(error, RecordsUnavailable):
        return str(error)
    # It names the database, which is nobody's business here. What cannot be written down, a lone surrogate,
    # stops no log.
    logger.error("the records are away: %s", str(error).encode(errors="backslashreplace").decode())
    return AWAY


async def _on_olhar_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OlharError)
    return told(request.url.path, error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == 404 and detail == "Not Found":
        detail = "there is no such route; /docs lists them all"
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        detail = f"{request.method} is not possible here" + (f"; use {allowed}" if allowed else "")
    kind = error.kind if isinstance(error, Refused) else ""
    return failure(request.url.path, error.status_code, detail, kind=kind, headers=error.headers)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    details = error.errors()
    errors = [
        {"where": invalid_parts.path(e["loc"], e["type"], error.body), "message": e["msg"]}
        for e in details[:SHOWN_ERRORS]
    ]
    first = f"{errors[0]['where']}: {errors[0]['message']}".removeprefix(": ")
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return failure(request.url.path, 422, first + more, kind="invalid-input", errors=errors)


async def _on_hang_up(request: Request, _: Exception) -> Response:
    return failure(request.url.path, 400, "the connection broke off before the whole body was here")


async def _on_bug(request: Request, _: Exception) -> Response:
    # uvicorn drops the connection after a bug: say so, or the client's next request may be lost with it.
    headers = {"connection": "close"}
    return failure(
        request.url.path, 500, "something broke inside; the server's log says what", headers=headers
    )


def _openai(
    status: int,
    detail: str,
    kind: str,
    errors: Sequence[Mapping[str, str]],
    headers: Mapping[str, str] | None,
) -> Response:
    status = 400 if status == 422 else status  # OpenAI has no 422
    return _response(status, openai_error(status, detail, kind, errors), "application/json", headers)


def openai_error(
    status: int, detail: str, kind: str = "", errors: Sequence[Mapping[str, str]] = ()
) -> dict[str, object]:
    """An error as OpenAI's clients read it, also as an event of a stream."""
    types = {429: "rate_limit_error", **dict.fromkeys(range(500, 600), "server_error")}
    return {
        "error": {
            "message": detail,
            "type": types.get(status, "invalid_request_error"),
            "param": errors[0]["where"] if errors else None,
            "code": kind.replace("-", "_") or None,
        }
    }


def _response(
    status: int, body: object, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    # ASCII only: a message may quote a text that is no Unicode.
    content = json.dumps(body).encode("ascii")
    # Here too: what breaks inside is answered outside of what tells it with other answers.
    known = {HEADER: request_id} if (request_id := REQUEST_ID.get()) else {}
    return Response(content, status, {**SAFE_HEADERS, **known, **(headers or {})}, media_type)


def kebab(name: str) -> str:
    """A class's name as it stands in problems."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
