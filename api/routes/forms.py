"""Reading request bodies: strict JSON and strict multipart forms. Both refuse unknown keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from api.errors import invalid
from api.limits import FIELD_BYTES
from rag.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)

UTF_8 = "utf-8"
CHARSETS: Mapping[str, str] = {
    **dict.fromkeys(("", "utf-8", "utf8", "us-ascii", "ascii"), UTF_8),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin-1", "latin1"), "iso8859-1"),
}
"""Names of character sets that are read, and what they are read as: ASCII is the beginning of UTF-8."""
SPARE = 10
"""Unknown fields that are read, so that they can be named."""


@dataclass(frozen=True, slots=True)
class Form:
    """Text fields by name, and files in the order sent; ``others`` are those under the other key."""

    fields: Mapping[str, str]
    files: tuple[UploadFile, ...]
    others: tuple[UploadFile, ...] = ()


def is_multipart(request: Request) -> bool:
    """Whether the body is a multipart form."""
    return _media_type(request) == "multipart/form-data"


def charset_of(content_type: str, unless_named: str = UTF_8) -> str:
    """The character set of a form, or of a text in it, by the content type: ``utf-8`` or ``iso8859-1``.

    Raises HTTPException 415 for every other.
    """
    _, options = parse_options_header(content_type)
    if b"charset" not in options:
        return unless_named
    name = options[b"charset"].decode("latin-1")
    charset = CHARSETS.get(name.strip().lower())
    if charset is None:
        raise HTTPException(415, f"the charset {name[:50]!a} is not read; send UTF-8 or ISO-8859-1")
    return charset


async def json_body(request: Request, model: type[Model]) -> Model:
    """The body as ``model``. Anything but JSON is refused (415), as is JSON of another form (422)."""
    media_type = _media_type(request)
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise HTTPException(415, f"the body is {media_type or 'of no type'}; send application/json")
    body = await request.body()
    # Off the event loop: a picture in base64 is many megabytes.
    return await run_in_threadpool(_validated, body, model)


def _validated(body: bytes, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error, body=_read(body)) from None


def _read(body: bytes) -> object:
    """What was sent, or None where it is no JSON."""
    try:
        return from_json(body)
    except ValueError:
        return None


@asynccontextmanager
async def form_body(
    request: Request, *, fields: frozenset[str], file_key: str, max_files: int = 1, other_key: str = ""
) -> AsyncIterator[Form]:
    """The body as a form with these text fields, up to ``max_files`` files under ``file_key``, and others
    under ``other_key``.

    Large files lie on disk until the block ends. Raises InvalidInput for a key that is unknown or given
    twice, and HTTPException 400 or 415 for a body that is no such form.
    """
    if not is_multipart(request):
        raise HTTPException(415, "send multipart/form-data")
    charset_of(request.headers["content-type"])
    most = max_files + bool(other_key)
    form = await request.form(max_files=most, max_fields=len(fields) + SPARE, max_part_size=FIELD_BYTES)
    keys = [key for key in (file_key, other_key) if key]
    known = fields | {*keys}
    try:
        parts = form.multi_items()
        files, others = (
            tuple(part for key, part in parts if key == wanted and not isinstance(part, str))
            for wanted in (file_key, other_key)
        )
        texts = [(key, part) for key, part in parts if key in fields and isinstance(part, str)]
        if len(files) + len(others) + len(texts) != len(parts):
            odd = {key for key, part in parts if isinstance(part, str) != (key in fields) or key not in known}
            raise InvalidInput(
                f"form keys that cannot be used: {', '.join(map(ascii, sorted(odd)))}; "
                f"there are the file {' and '.join(map(repr, keys))} and the fields {sorted(fields)}"
            )
        if len(files) > max_files:
            raise HTTPException(400, f"{len(files)} files {file_key!r}; {max_files} are allowed")
        twice = [key for key, n in Counter(key for key, _ in texts).items() if n > 1]
        if twice:
            raise InvalidInput(f"form fields given twice: {', '.join(twice)}")
        yield Form(dict(texts), files, others)
    finally:
        await form.close()


def form_schema(properties: Mapping[str, object], required: tuple[str, ...] = ()) -> dict[str, object]:
    """The OpenAPI description of a multipart form."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    if required:
        schema["required"] = list(required)
    return {"multipart/form-data": {"schema": schema}}


def json_schema(name: str) -> dict[str, object]:
    """The OpenAPI description of a JSON body that is one of the request models."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


FILE: Mapping[str, object] = {"type": "string", "format": "binary"}


def _media_type(request: Request) -> str:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    return message.get_content_type() if request.headers.get("content-type") else ""
