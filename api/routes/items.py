"""Items: what is known of them, their original files and thumbnails, deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.deps import Admin, System, Who, scope_of
from api.record_schemas import DeletedOut, ItemOut, ItemsOut, PassOut, SourcesOut
from api.routes.request_schemas import EditIn
from api.security.needs import ADMIN, READ, WRITE
from rag.build import Olhar
from rag.errors import BadImage, NotFound
from rag.images import thumbnail as small
from rag.images import working_picture
from rag.settings import Name
from rag.types import Item, Kind, Scope

router = APIRouter(tags=["items"])

SIGNATURES: Mapping[tuple[int, bytes], str] = {
    (0, b"\xff\xd8\xff"): "image/jpeg",
    (0, b"\x89PNG\r\n\x1a\n"): "image/png",
    (0, b"GIF8"): "image/gif",
    (0, b"BM"): "image/bmp",
    (8, b"WEBP"): "image/webp",
    (4, b"ftypavif"): "image/avif",
}
"""Place and bytes by which the pictures are known that browsers show and that run no script."""
KINDS: tuple[Kind, ...] = ("image", "passage")


ItemId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.get("/v1/collections/{name}/items", operation_id="items", dependencies=[READ])
def items(
    name: Annotated[Name, Path()],
    admin: Admin,
    kind: Annotated[Kind, Query()] = "image",
    after: Annotated[str, Query(max_length=128)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> ItemsOut:
    """Items of a collection in the order of their ids, page by page."""
    return admin.items(name, kind=kind, after=after, limit=limit)


@router.get("/v1/items/{item_id}", operation_id="item", dependencies=[READ])
def item(
    item_id: ItemId, olhar: System, admin: Admin, collection: Annotated[Name | None, Query()] = None
) -> ItemOut:
    """An item: what is known of it, and its sources."""
    return admin.item(collection or olhar.settings.collection, item_id)


@router.patch("/v1/items/{item_id}", operation_id="edit_item", dependencies=[WRITE])
def edit_item(
    item_id: ItemId,
    body: EditIn,
    olhar: System,
    admin: Admin,
    collection: Annotated[Name | None, Query()] = None,
) -> ItemOut:
    """Change what is said of an item. A person's word counts before all sources, until it is taken back."""
    return admin.edit(collection or olhar.settings.collection, item_id, body.model_dump(exclude_unset=True))


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
    prefix: Annotated[str, Query(max_length=4096)] = "",
    after: Annotated[str, Query(max_length=4096)] = "",
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
    source: Annotated[str, Query(min_length=1, max_length=4096)],
) -> DeletedOut:
    """Forget a source; items that have no other go with it."""
    return admin.delete(name, "source", source)


@router.delete("/v1/collections/{name}", operation_id="delete_collection", dependencies=[ADMIN])
def delete_collection(name: Annotated[Name, Path()], admin: Admin) -> DeletedOut:
    """Delete a collection: its items, and the originals that nothing else is made of."""
    return admin.delete(name, "collection")


@router.get(
    "/v1/items/{item_id}/original",
    operation_id="original",
    dependencies=[READ],
    response_class=Response,
    responses={200: {"content": {"image/*": {}, "application/octet-stream": {}}, "description": "The file."}},
)
def original(
    item_id: ItemId,
    olhar: System,
    who: Who,
    collection: Annotated[Name | None, Query()] = None,
) -> Response:
    """The file that an item was made of, byte for byte."""
    item = _item(olhar, scope_of(olhar, who, collection), item_id)
    data = olhar.blobs.get(item.content_hash)
    picture = _picture_type(data)
    headers = {
        "content-disposition": "inline" if picture else "attachment",
        "content-security-policy": "default-src 'none'; sandbox",
        "etag": f'"{item.content_hash}"',
        "cache-control": "private, max-age=3600",
    }
    return Response(data, headers=headers, media_type=picture or "application/octet-stream")


@router.get(
    "/v1/items/{item_id}/thumbnail",
    operation_id="thumbnail",
    dependencies=[READ],
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}, "description": "A small picture."}},
)
def thumbnail(
    item_id: ItemId,
    olhar: System,
    who: Who,
    collection: Annotated[Name | None, Query()] = None,
) -> Response:
    """A small picture of an item, as WebP; made now if ingestion made none."""
    sha256 = _item(olhar, scope_of(olhar, who, collection), item_id).content_hash
    data = olhar.blobs.thumbnail(sha256)
    if data is None:
        settings = olhar.settings
        try:
            picture = working_picture(olhar.blobs.get(sha256), max_pixels=settings.max_pixels)
        except BadImage as error:
            raise NotFound(f"the item {item_id} has no picture: {error}") from None
        data = small(picture.pixels, settings.thumbnail)
        olhar.blobs.put_thumbnail(sha256, data)
    headers = {"etag": f'"{sha256}-thumbnail"', "cache-control": "private, max-age=3600"}
    return Response(data, headers=headers, media_type="image/webp")


def _item(olhar: Olhar, scope: Scope, item_id: str) -> Item:
    for kind in KINDS:
        for item in olhar.store.get(scope, kind, [item_id]):
            return item
    raise NotFound(f"there is no item {item_id} in the collection {scope.collection!r}")


def _picture_type(data: bytes) -> str | None:
    found = (name for (place, sign), name in SIGNATURES.items() if data.startswith(sign, place))
    return next(found, None)
