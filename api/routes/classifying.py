"""Sorting pictures into labels."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api.classify_schemas import ClassifiedOut, ClassifyIn
from api.classifying import Classification
from api.deps import System, Who, scope_of
from api.errors import invalid
from api.routes.forms import FILE, form_body, form_schema, is_multipart, json_body, json_schema
from api.routes.pictures import only_file, picture_bytes, pixels_of
from api.routes.queries import parsed
from api.security.needs import READ
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.types import Pixels, Scope

router = APIRouter(tags=["classifying"])
FIELDS = frozenset(ClassifyIn.model_fields) - {"image"}


async def _asked(request: Request, olhar: System, who: Who) -> tuple[ClassifyIn, Pixels]:
    if is_multipart(request):
        wanted, data = await _form(request)
        return wanted, await run_in_threadpool(pixels_of, data, olhar.settings)
    wanted = await json_body(request, ClassifyIn)
    if wanted.image is None:
        raise InvalidInput("no picture: send it as `image`")
    scope = scope_of(olhar, who, wanted.collection)
    return wanted, await run_in_threadpool(_named, wanted.image, olhar, scope)


def _named(uri: str, olhar: Olhar, scope: Scope) -> Pixels:
    return pixels_of(picture_bytes(uri, olhar, scope), olhar.settings)


async def _form(request: Request) -> tuple[ClassifyIn, bytes]:
    async with form_body(request, fields=FIELDS, file_key="image") as form:
        values: dict[str, Any] = dict(form.fields)
        for name in sorted(values.keys() & {"labels", "templates"}):
            values[name] = parsed(name, values[name])
        try:
            wanted = ClassifyIn.model_validate(values)
        except ValidationError as error:
            raise invalid(error) from None
        return wanted, await only_file(form, "image")


_PROPERTIES: dict[str, object] = {
    "labels": {"type": "string", "description": "JSON, as in the other form"},
    "templates": {"type": "string", "description": "JSON, as in the other form"},
    "multi": {"type": "boolean"},
    "none": {"type": "boolean"},
    "language": {"enum": ["en", "pt"]},
    "top": {"type": "integer", "minimum": 1},
    "collection": {"type": "string"},
    "image": FILE,
}
_CONTENT = {**json_schema("ClassifyIn"), **form_schema(_PROPERTIES, ("labels", "image"))}


@router.post(
    "/v1/classify",
    operation_id="classify",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
def classify(
    asked: Annotated[tuple[ClassifyIn, Pixels], Depends(_asked)], olhar: System, who: Who
) -> ClassifiedOut:
    """Say which of your labels a picture shows. JSON (the picture is a data URI) or a form."""
    wanted, picture = asked
    return Classification(olhar, tenant=who.tenant).classify(wanted, picture)
