"""Sorting pictures into labels."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api.classify_schemas import ClassifiedOut, ClassifyIn
from api.classifying import Classification
from api.deps import Long, System, Who, scope_of
from api.errors import invalid
from api.routes.forms import FILE, form_body, form_schema, is_multipart, json_body, json_schema
from api.routes.pictures import only_file, opened, picture_bytes, pixels_of
from api.routes.queries import parsed
from api.security.needs import READ, WRITE
from api.teaching_schemas import ClassifierOut, ClassifiersOut, SortedOut, SortIn, TeachIn
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.settings import Name
from rag.types import Pixels, Scope

router = APIRouter(tags=["classifying"])
FIELDS = frozenset(ClassifyIn.model_fields) - {"image"}


async def _asked(request: Request, olhar: System, who: Who, long: Long) -> tuple[ClassifyIn, Pixels]:
    if is_multipart(request):
        wanted, data = await _form(request)
        return wanted, await run_in_threadpool(pixels_of, data, olhar.settings)
    wanted = await json_body(request, ClassifyIn)
    if wanted.image is None:
        raise InvalidInput("no picture: send it as `image`")
    scope = scope_of(olhar, who, wanted.collection)
    return wanted, await opened(long, [wanted.image], _named, wanted.image, olhar, scope)


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
    "classifier": {"type": "string"},
    "image": FILE,
}
_CONTENT = {**json_schema("ClassifyIn"), **form_schema(_PROPERTIES, ("image",))}
Collection = Annotated[Name, Path(alias="name")]


@router.post(
    "/v1/classify",
    operation_id="classify",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def classify(
    asked: Annotated[tuple[ClassifyIn, Pixels], Depends(_asked)], olhar: System, who: Who, long: Long
) -> ClassifiedOut:
    """Say which of your labels a picture shows. JSON (the picture is a data URI) or a form."""
    return await long.encoding.run(Classification(olhar, tenant=who.tenant).classify, *asked)


async def _taught(request: Request) -> TeachIn:
    return await json_body(request, TeachIn)  # pictures make it large


@router.post("/v1/collections/{name}/classify", operation_id="classify_collection", dependencies=[WRITE])
def classify_collection(collection: Collection, body: SortIn, olhar: System, who: Who) -> SortedOut:
    """Sort all photos of a collection. With `store` labels become tags, where nobody but a model gave any."""
    return Classification(olhar, tenant=who.tenant).sort(collection, body)


@router.post(
    "/v1/collections/{name}/classifiers",
    operation_id="teach_classifier",
    status_code=201,
    dependencies=[WRITE],
    openapi_extra={"requestBody": {"required": True, "content": json_schema("TeachIn")}},
)
def teach(
    collection: Collection, body: Annotated[TeachIn, Depends(_taught)], olhar: System, who: Who
) -> ClassifierOut:
    """Teach labels by a few examples. One of the same name is replaced."""
    scope = scope_of(olhar, who, collection)
    classification = Classification(olhar, tenant=who.tenant)
    return classification.teach(collection, body, lambda uri: _named(uri, olhar, scope))


@router.get("/v1/collections/{name}/classifiers", operation_id="classifiers", dependencies=[READ])
def classifiers(collection: Collection, olhar: System, who: Who) -> ClassifiersOut:
    """The classifiers that were taught in a collection."""
    return Classification(olhar, tenant=who.tenant).classifiers(collection)


@router.delete(
    "/v1/collections/{name}/classifiers/{classifier}",
    operation_id="delete_classifier",
    status_code=204,
    dependencies=[WRITE],
    responses={204: {"description": "It is gone."}},
)
def delete(collection: Collection, classifier: Annotated[Name, Path()], olhar: System, who: Who) -> Response:
    """Delete a classifier. Tags that it gave stay."""
    Classification(olhar, tenant=who.tenant).forget(collection, classifier)
    return Response(status_code=204)
