"""Items: what is known of them, what is like them, changing and deleting them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response

from api.deps import Admin, Searching, System, Who, scope_of
from api.query_schemas import Text
from api.record_schemas import DeletedOut, ItemOut, ItemsOut, PassOut, SourcesOut
from api.routes.originals import item_of
from api.routes.request_schemas import EditIn
from api.schemas import SearchOut
from api.security.needs import ADMIN, READ, WRITE
from api.serving import names
from rag.questions import Question
from rag.settings import Name
from rag.types import Group, Kind, LikeBy, SearchOptions
from rag.types import Query as Wanted

router = APIRouter(tags=["items"])

ItemId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
TAGGED: Final[dict[str, Any]] = {
    "headers": {"ETag": {"schema": {"type": "string"}, "description": "names this state of the item"}}
}
EDITED: Final[dict[int | str, dict[str, Any]]] = {
    200: TAGGED,
    204: {**TAGGED, "description": "It is changed; a key without `read` is told no more."},
    412: {},
}


@router.get("/v1/collections/{name}/items", operation_id="items", dependencies=[READ])
def items(
    name: Annotated[Name, Path()],
    admin: Admin,
    kind: Annotated[Kind, Query()] = "image",
    after: Annotated[Text, Query(max_length=128)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> ItemsOut:
    """Items of a collection in the order of their ids, page by page."""
    return admin.items(name, kind=kind, after=after, limit=limit)


@router.get(
    "/v1/items/{item_id}",
    operation_id="item",
    dependencies=[READ],
    responses={200: TAGGED, 304: {"description": "It is as `If-None-Match` names it."}},
    response_model=ItemOut,
)
def item(
    item_id: ItemId,
    request: Request,
    response: Response,
    olhar: System,
    admin: Admin,
    collection: Annotated[Name | None, Query()] = None,
) -> ItemOut | Response:
    """An item: what is known of it, and its sources."""
    found = admin.item(collection or olhar.settings.collection, item_id)
    if names(request, "if-none-match", found.etag):
        return Response(status_code=304, headers={"etag": f'"{found.etag}"'})
    response.headers["etag"] = f'"{found.etag}"'
    return found


@router.get("/v1/items/{item_id}/neighbours", operation_id="neighbours", dependencies=[READ])
def neighbours(
    item_id: ItemId,
    olhar: System,
    who: Who,
    _: Searching,
    collection: Annotated[Name | None, Query()] = None,
    by: Annotated[LikeBy, Query(description="its picture, its text, or what there is of both")] = "both",
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
    group: Annotated[Group, Query(description="of what is alike, one hit")] = "duplicates",
) -> SearchOut:
    """Items of the same collection that are like an item, the likest first; it is not among them itself."""
    scope = scope_of(olhar, who, collection)
    item_of(olhar, scope, item_id)
    like = Wanted(like=(item_id,), like_by=by)
    wanted = Question(scope, like, limit=limit, listing=SearchOptions(group))
    return SearchOut.of(olhar.pipeline.search(wanted))


@router.patch(
    "/v1/items/{item_id}",
    operation_id="edit_item",
    dependencies=[WRITE],
    responses=EDITED,
    response_model=ItemOut,
)
def edit_item(
    item_id: ItemId,
    body: EditIn,
    request: Request,
    response: Response,
    olhar: System,
    admin: Admin,
    who: Who,
    collection: Annotated[Name | None, Query()] = None,
    if_match: Annotated[str | None, Header(description="`ETag` of what was read; else 412")] = None,
) -> ItemOut | Response:
    """Change what is said of an item. A person's word counts before all sources, until it is taken back."""

    def as_read(now: ItemOut) -> bool:
        return if_match is None or names(request, "if-match", now.etag, strong=True)

    changes = body.model_dump(exclude_unset=True)
    changed = admin.edit(collection or olhar.settings.collection, item_id, changes, if_still=as_read)
    etag = f'"{changed.etag}"'
    if not who.may("read"):
        return Response(status_code=204, headers={"etag": etag})
    response.headers["etag"] = etag
    return changed


@router.delete("/v1/items/{item_id}", operation_id="delete_item", dependencies=[WRITE])
def delete_item(
    item_id: ItemId, olhar: System, admin: Admin, collection: Annotated[Name | None, Query()] = None
) -> DeletedOut:
    """Delete an item with all its sources; its original too, unless another item is made of it."""
    return admin.delete(collection or olhar.settings.collection, "item", item_id)


@router.get("/v1/collections/{name}/sources", operation_id="sources", dependencies=[READ])
def sources(
    name: Annotated[Name, Path()],
    admin: Admin,
    prefix: Annotated[Text, Query(max_length=4096)] = "",
    after: Annotated[Text, Query(max_length=4096)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> SourcesOut:
    """Where the items of a collection came from: sources that begin with `prefix`, those after `after`."""
    return admin.sources(name, prefix=prefix, after=after, limit=limit)


@router.post("/v1/collections/{name}/ocr", operation_id="read_pictures", dependencies=[WRITE])
def read_pictures(name: Annotated[Name, Path()], admin: Admin) -> PassOut:
    """Have the text read of pictures that were not read yet, or were skipped; a worker does it."""
    return admin.read_pictures(name)


@router.post("/v1/collections/{name}/captions", operation_id="describe_pictures", dependencies=[WRITE])
def describe_pictures(
    name: Annotated[Name, Path()], admin: Admin, again: Annotated[bool, Query()] = False
) -> PassOut:
    """Have pictures described that nobody described; with `again` also those that a model did before."""
    return admin.describe(name, again=again)


@router.delete("/v1/collections/{name}/sources", operation_id="delete_source", dependencies=[WRITE])
def delete_source(
    name: Annotated[Name, Path()],
    admin: Admin,
    source: Annotated[Text, Query(min_length=1, max_length=4096)],
) -> DeletedOut:
    """Forget a source; items that have no other go with it."""
    return admin.delete(name, "source", source)


@router.delete("/v1/collections/{name}", operation_id="delete_collection", dependencies=[ADMIN])
def delete_collection(name: Annotated[Name, Path()], admin: Admin) -> DeletedOut:
    """Delete a collection: its items, and the originals that nothing else is made of."""
    return admin.delete(name, "collection")
