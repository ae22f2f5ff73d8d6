"""What a search or a question asks for, read from JSON or from a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, get_args

from fastapi import Depends, Request
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool

from api.apart import Apart
from api.deps import Long, System, Talks, Who, scope_of
from api.errors import invalid
from api.query_schemas import AskIn, QueryIn, SearchIn
from api.querying import asked
from api.routes.forms import FILE, form_body, form_schema, is_multipart, json_body, json_schema
from api.routes.pictures import opened, picture_bytes, pixels_of, sound_bytes, sound_of
from api.security.principal import Principal
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.questions import Question
from rag.types import Group, Scope, Sound

PICTURES = 10
Schema = TypeVar("Schema", bound=QueryIn)


async def _question(request: Request, olhar: System, who: Who, talks: Talks, long: Long) -> Question:
    question = await _read(request, olhar, who, long, AskIn)
    return await run_in_threadpool(talks.resumed, question)


async def _search(request: Request, olhar: System, who: Who, long: Long) -> Question:
    return await _read(request, olhar, who, long, SearchIn)


AskedFor = Annotated[Question, Depends(_question)]
SearchedFor = Annotated[Question, Depends(_search)]


def resolve(
    olhar: Olhar, who: Principal, wanted: QueryIn, sent: Sequence[bytes] = (), heard: Sound | None = None
) -> Question:
    """Fill in the settings and decode pictures, which were sent or are in ``wanted``; ``heard`` is its sound.

    Raises InvalidInput when nothing is looked for, and BadImage.
    """
    uris = (*([] if wanted.image is None else [wanted.image]), *wanted.images)
    scope = scope_of(olhar, who, wanted.collection)
    pictures = [*(picture_bytes(uri, olhar, scope) for uri in uris), *sent]
    if len(pictures) > PICTURES:
        raise InvalidInput(f"{len(pictures)} pictures; {PICTURES} are allowed")
    pixels = [pixels_of(data, olhar.settings) for data in pictures]
    return asked(olhar.settings, who.tenant, wanted, pixels, heard)


async def _read(
    request: Request, olhar: Olhar, who: Principal, long: Apart, schema: type[QueryIn]
) -> Question:
    wanted, sent, sounds = (
        await _form(request, schema) if is_multipart(request) else (await json_body(request, schema), [], [])
    )
    heard = await _heard(olhar, scope_of(olhar, who, wanted.collection), long, wanted.sound, sounds)
    uris = (wanted.image, *wanted.images)
    return await opened(long, uris, resolve, olhar, who, wanted, sent, heard)


async def _heard(
    olhar: Olhar, scope: Scope, long: Apart, uri: str | None, sent: Sequence[bytes]
) -> Sound | None:
    """The one sound, which was sent or is named by ``uri``."""
    count = len(sent) + (uri is not None)
    if count > 1:
        raise InvalidInput(f"{count} sounds; one is allowed")
    if not count:
        return None
    data = sent[0] if uri is None else await opened(long, [uri], sound_bytes, uri, olhar, scope)
    return await sound_of(data, olhar, long)


async def _form(request: Request, schema: type[Schema]) -> tuple[Schema, list[bytes], list[bytes]]:
    fields = frozenset(schema.model_fields) - {"image", "images", "sound"}
    async with form_body(
        request, fields=fields, file_key="image", max_files=PICTURES, other_key="sound"
    ) as form:
        values: dict[str, Any] = dict(form.fields)
        for name in sorted(values.keys() & {"fair", "filter", "history", "like", "negative"}):
            values[name] = parsed(name, values[name])
        try:
            wanted = schema.model_validate(values)
        except ValidationError as error:
            raise invalid(error) from None
        return (
            wanted,
            [await file.read() for file in form.files],
            [await file.read() for file in form.others],
        )


def parsed(name: str, text: str) -> Any:
    """JSON in a form's field; one id or one text may stand as it is."""
    if name in {"like", "negative"} and not text.startswith("["):
        return text
    try:
        return from_json(text)
    except ValueError as error:
        raise InvalidInput(f"{name}: no valid JSON ({error})") from None


def body(schema: type[QueryIn]) -> dict[str, Any]:
    """The OpenAPI description of both forms."""
    text: dict[str, Any] = {"type": "string"}
    several = text | {"description": "one, or a JSON list"}
    number = {"type": "integer", "minimum": 0, "maximum": 1000}
    known: dict[str, Any] = {
        "fair": text | {"description": "JSON, as in the other form"},
        "filter": text | {"description": "JSON, as in the other form"},
        "history": text | {"description": "JSON, as in the other form"},
        "like": several,
        "negative": several,
        "everywhere": {"type": "boolean"},
        "rerank": {"type": "boolean"},
        "limit": number | {"minimum": 1},
        "offset": number,
        "diversity": {"type": "number", "minimum": 0, "maximum": 1},
        "group": {"enum": list(get_args(Group))},
        "image": {"type": "array", "items": FILE, "maxItems": PICTURES},
        "sound": FILE,
    }
    fields = {name: known.get(name, text) for name in schema.model_fields if name != "images"}
    content = {**json_schema(schema.__name__), **form_schema(fields)}
    return {"requestBody": {"required": True, "content": content}}
