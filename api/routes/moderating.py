"""Moderation: is a picture safe, what waits for a decision, and the decision."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api.deps import Long, System, Who, scope_of
from api.errors import invalid
from api.moderating import Moderation
from api.moderation_schemas import (
    DecideIn,
    ModerateCollectionIn,
    ModeratedOut,
    ModerateIn,
    ReviewOut,
    ReviewsOut,
    VerdictOut,
)
from api.query_schemas import OR_NONE
from api.routes.forms import FILE, form_body, form_schema, is_multipart, json_body, json_schema
from api.routes.originals import ORIGINAL, THUMBNAIL, original_of, thumbnail_of
from api.routes.pictures import only_file, opened, picture_bytes, pixels_of
from api.security.needs import AUDITED_WRITE, READ, WRITE
from api.serving import serve
from api.turns import one_at_a_time
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.settings import Name
from rag.types import Pixels, Scope

router = APIRouter(tags=["moderation"])
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
DECIDES: Final = [AUDITED_WRITE, READ]
"""What is held is shown to those alone who may decide about it and read; the audit log says who looked."""


async def _moderation(request: Request, olhar: System, who: Who) -> Moderation:
    return Moderation(olhar, request.app.state.wake, tenant=who.tenant, by=who.key)


Moderates = Annotated[Moderation, Depends(_moderation)]


async def _asked(request: Request, olhar: System, who: Who, long: Long) -> tuple[ModerateIn, Pixels | None]:
    if is_multipart(request):
        async with form_body(request, fields=frozenset({"policy"}), file_key="image") as form:
            try:
                wanted = ModerateIn.model_validate(dict(form.fields))
            except ValidationError as error:
                raise invalid(error) from None
            data = await only_file(form, "image")
        return wanted, await run_in_threadpool(pixels_of, data, olhar.settings)
    wanted = await json_body(request, ModerateIn)
    if (wanted.image is None) == (wanted.text is None):
        raise InvalidInput("send `image` or `text`, one of them")
    if wanted.image is None:
        return wanted, None
    scope = scope_of(olhar, who, wanted.collection)
    return wanted, await opened(long, [wanted.image], _named, wanted.image, olhar, scope)


def _named(uri: str, olhar: Olhar, scope: Scope) -> Pixels:
    return pixels_of(picture_bytes(uri, olhar, scope), olhar.settings)


_FORM: dict[str, object] = {"image": FILE, "policy": {"enum": ["default", "default-pt"]}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {**json_schema("ModerateIn"), **form_schema(_FORM, ("image",))},
    }
}


@router.post("/v1/moderate", operation_id="moderate", dependencies=[READ], openapi_extra=_BODY)
async def moderate(
    asked: Annotated[tuple[ModerateIn, Pixels | None], Depends(_asked)], moderation: Moderates, long: Long
) -> VerdictOut:
    """Hold a picture or a text against a moderation policy. Keeps nothing."""
    wanted, picture = asked
    if picture is not None:
        return await long.encoding.run(moderation.of_picture, picture, wanted.policy or "")
    return await long.encoding.run(moderation.of_text, wanted.text or "", wanted.policy or "")


@router.post("/v1/collections/{name}/moderate", operation_id="moderate_collection", dependencies=[WRITE])
def moderate_collection(
    name: Annotated[Name, Path()], body: ModerateCollectionIn, moderation: Moderates, who: Who
) -> ModeratedOut:
    """Hold all pictures of a collection against a policy, by their stored vectors.

    With `apply` what is flagged is put down for review, and what is kept out leaves the search until it is
    decided. A key without `read` is told the counts alone. One collection is moderated at a time.
    """
    with one_at_a_time("moderating a collection"):
        found = moderation.of_collection(name, body.policy or "", apply=body.apply)
    return found if who.may("read") else found.model_copy(update={"findings": []})


@router.get("/v1/moderation", operation_id="reviews", dependencies=DECIDES)
def reviews(
    moderation: Moderates,
    state: Annotated[Literal["pending", "allowed", "rejected"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[str, Query(pattern=OR_NONE)] = "",
) -> ReviewsOut:
    """Pictures that a policy flagged or kept out, newest first, with what was decided about them.

    This and their files need a key with `read` and `write`.
    """
    return moderation.reviews(state=state, limit=limit, before=before)


@router.get(
    "/v1/moderation/{review_id}/original",
    operation_id="review_original",
    dependencies=DECIDES,
    response_class=Response,
    responses=ORIGINAL,
)
def original(review_id: Id, request: Request, moderation: Moderates, olhar: System) -> Response:
    """The file that waits for a decision, where it is stored or held; of what never was nothing is kept."""
    return serve(request, original_of(olhar, moderation.shown(review_id)))


@router.get(
    "/v1/moderation/{review_id}/thumbnail",
    operation_id="review_thumbnail",
    dependencies=DECIDES,
    response_class=Response,
    responses=THUMBNAIL,
)
def thumbnail(review_id: Id, request: Request, moderation: Moderates, olhar: System) -> Response:
    """A small picture of what waits for a decision, where it is stored or held."""
    return serve(request, thumbnail_of(olhar, moderation.shown(review_id)))


@router.post("/v1/moderation/{review_id}", operation_id="decide_review", dependencies=[WRITE])
def decide(review_id: Id, body: DecideIn, moderation: Moderates) -> ReviewOut:
    """Allow or reject such a picture. A decision counts before the policy, and is kept."""
    return moderation.decide(review_id, body.decision, body.note)
