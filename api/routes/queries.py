"""What a search or a question asks for, read from JSON or from a form."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool

from api.deps import System
from api.errors import invalid
from api.query_schemas import QueryIn
from api.querying import Asked, asked
from api.routes.forms import FILE, form_body, form_schema, is_multipart, json_body, json_schema
from api.routes.pictures import bytes_of, pixels_of
from rag.build import Olhar
from rag.errors import InvalidInput

FIELDS = frozenset({"text", "collection", "limit", "filter", "where", "rerank"})


async def _asked(request: Request, olhar: System) -> Asked:
    wanted, data = (
        await _form(request) if is_multipart(request) else (await json_body(request, QueryIn), None)
    )
    return await run_in_threadpool(resolve, olhar, wanted, data)


AskedFor = Annotated[Asked, Depends(_asked)]


def resolve(olhar: Olhar, wanted: QueryIn, data: bytes | None = None) -> Asked:
    """Fill in the settings and decode the picture, which is ``data`` or in ``wanted``.

    Raises InvalidInput when there is neither text nor picture, and BadImage.
    """
    if wanted.image is not None:
        data = bytes_of(wanted.image)
    pictures = [] if data is None else [pixels_of(data, olhar.settings)]
    return asked(olhar.settings, wanted, pictures)


async def _form(request: Request) -> tuple[QueryIn, bytes | None]:
    async with form_body(request, fields=FIELDS, file_key="image") as form:
        values: dict[str, Any] = dict(form.fields)
        try:
            if "filter" in values:
                values["filter"] = from_json(values["filter"])
        except ValueError as error:
            raise InvalidInput(f"filter: no valid JSON ({error})") from None
        try:
            wanted = QueryIn.model_validate(values)
        except ValidationError as error:
            raise invalid(error) from None
        return wanted, await form.files[0].read() if form.files else None


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            **json_schema("QueryIn"),
            **form_schema(
                {
                    "text": {"type": "string"},
                    "image": FILE,
                    "collection": {"type": "string"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "filter": {"type": "string", "description": "JSON, as in the other form"},
                    "where": {"type": "string"},
                    "rerank": {"type": "boolean"},
                }
            ),
        },
    }
}
"""The OpenAPI description of both forms."""
