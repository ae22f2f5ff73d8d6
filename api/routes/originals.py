"""The files of items: originals, thumbnails, and links that show them for a while."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.exceptions import HTTPException

from api.deps import System, Who, scope_of
from api.file_names import disposition, safe_name
from api.links import Form, Link, Links
from api.media_types import SIGNED, shown_type
from api.record_schemas import LinkOut, LinksOut
from api.routes.request_schemas import LinksIn
from api.security.needs import AUDITED_READ, OPEN, READ
from api.serving import File, serve
from rag.build import Olhar
from rag.errors import BadImage, NotFound
from rag.images import thumbnail as small
from rag.images import working_picture
from rag.settings import Name
from rag.types import AUDIO, Item, Kind, Scope

router = APIRouter(tags=["items"])

KINDS: tuple[Kind, ...] = ("image", "passage")
FRESH_S: Final = 3600
"""How long a browser need not ask again; an original never changes, but it may be deleted."""
UNTRUSTED: Final = {"content-security-policy": "default-src 'none'; media-src 'self'; sandbox"}
"""A browser that is sent to a video makes a page of its own, which loads it as media."""
ANYWHERE: Final = {"cross-origin-resource-policy": "cross-origin", "referrer-policy": "no-referrer"}
"""Of links: other pages may show what they lead to, and are not told to whom they lead."""

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

ItemId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]

BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
SHOWN: Final = {"image/*": BINARY, "video/*": BINARY, "audio/*": BINARY}


def _served(what: str, content: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that serves files."""
    return {
        200: {"content": dict(content), "description": what},
        206: {"content": dict(content), "description": "The part that `Range` asks for."},
        304: {"description": "It is the one that `If-None-Match` names."},
        416: {"description": "`Range` asks for nothing that is there."},
    }


ORIGINAL = _served("The file.", {**SHOWN, "application/octet-stream": BINARY})
THUMBNAIL = _served("A small picture.", {"image/webp": BINARY})


@router.head("/v1/items/{item_id}/original", include_in_schema=False, dependencies=[READ])
@router.get(
    "/v1/items/{item_id}/original",
    operation_id="original",
    dependencies=[READ],
    response_class=Response,
    responses=ORIGINAL,
)
def original(
    item_id: ItemId,
    request: Request,
    olhar: System,
    who: Who,
    collection: Annotated[Name | None, Query()] = None,
) -> Response:
    """The file that an item was made of, byte for byte; with `Range` a part of it."""
    item = item_of(olhar, scope_of(olhar, who, collection), item_id)
    return serve(request, original_of(olhar, item))


@router.head("/v1/items/{item_id}/thumbnail", include_in_schema=False, dependencies=[READ])
@router.get(
    "/v1/items/{item_id}/thumbnail",
    operation_id="thumbnail",
    dependencies=[READ],
    response_class=Response,
    responses=THUMBNAIL,
)
def thumbnail(
    item_id: ItemId,
    request: Request,
    olhar: System,
    who: Who,
    collection: Annotated[Name | None, Query()] = None,
) -> Response:
    """A small picture of an item, as WebP; made now if ingestion made none."""
    item = item_of(olhar, scope_of(olhar, who, collection), item_id)
    return serve(request, thumbnail_of(olhar, item))


async def _links(request: Request) -> Links:
    links: Links = request.app.state.links
    return links


Signing = Annotated[Links, Depends(_links)]


@router.post("/v1/links", operation_id="make_links", dependencies=[AUDITED_READ])
def make_links(body: LinksIn, olhar: System, who: Who, links: Signing) -> LinksOut:
    """Links to the files of items, good without any header for a while. What is not there has none."""
    scope = scope_of(olhar, who, body.collection)
    seconds = olhar.settings.link_seconds if body.seconds is None else body.seconds
    expires_at = int(time.time()) + seconds
    found = {item.id for kind in KINDS for item in olhar.store.get(scope, kind, body.items)}

    def url(item_id: str, form: Form) -> str:
        link = Link(scope.tenant, scope.collection or "", item_id, form, expires_at)
        return f"/v1/links/{links.sign(link)}"

    made = [
        LinkOut(item_id=one, original=url(one, "original"), thumbnail=url(one, "thumbnail"))
        for one in dict.fromkeys(body.items)
        if one in found
    ]
    return LinksOut(links=made, expires_at=expires_at)


@router.head("/v1/links/{link}", include_in_schema=False, dependencies=[OPEN])
@router.get(
    "/v1/links/{link}",
    operation_id="linked",
    dependencies=[OPEN],
    response_class=Response,
    responses=ORIGINAL,
)
def linked(
    link: Annotated[str, Path(max_length=1000)], request: Request, olhar: System, links: Signing
) -> Response:
    """The file that a link leads to. The link is all that is asked for: no key, no other header."""
    found = links.read(link)
    if found is None:
        raise HTTPException(403, "the link is no longer good, or was not made here; ask for another")
    left = max(0, min(FRESH_S, found.expires_at - int(time.time())))
    more = {**ANYWHERE, "cache-control": f"private, max-age={left}"}
    item = item_of(olhar, found.scope, found.item_id)
    return serve(request, (original_of if found.form == "original" else thumbnail_of)(olhar, item, more))


def item_of(olhar: Olhar, scope: Scope, item_id: str) -> Item:
    """Raises NotFound."""
    for kind in KINDS:
        for item in olhar.store.get(scope, kind, [item_id]):
            return item
    raise NotFound(f"there is no item {item_id} in the collection {scope.collection!r}")


def original_of(olhar: Olhar, item: Item, more: Mapping[str, str] = NO_HEADERS) -> File:
    """What an item was made of. Raises NotFound where that is not kept."""
    sha256 = item.content_hash
    size = olhar.blobs.size(sha256)
    head = b"".join(olhar.blobs.pieces(sha256, 0, min(size, SIGNED)))
    shown = shown_type(head, heard=item.modality == AUDIO)
    name = safe_name(item.source, item.id, shown)
    return File(
        sha256,
        size,
        partial(olhar.blobs.pieces, sha256),
        shown or "application/octet-stream",
        _headers(disposition("inline" if shown else "attachment", name), more),
    )


def thumbnail_of(olhar: Olhar, item: Item, more: Mapping[str, str] = NO_HEADERS) -> File:
    """A small picture of what an item was made of. Raises NotFound where there is none."""
    data = _small(olhar, item)

    def pieces(start: int, end: int) -> Iterator[bytes]:
        yield data[start:end]

    etag = hashlib.sha256(data).hexdigest()[:32]  # it may be made again, in another size
    name = f"{item.id}.webp"
    return File(etag, len(data), pieces, "image/webp", _headers(disposition("inline", name), more))


def _headers(disposition: str, more: Mapping[str, str]) -> dict[str, str]:
    cached = {"cache-control": f"private, max-age={FRESH_S}"}
    return {"content-disposition": disposition, **UNTRUSTED, **cached, **more}


def _small(olhar: Olhar, item: Item) -> bytes:
    data = olhar.blobs.thumbnail(item.content_hash)
    if data is None:
        settings = olhar.settings
        try:
            picture = working_picture(olhar.blobs.get(item.content_hash), max_pixels=settings.max_pixels)
        except BadImage as error:
            raise NotFound(f"the item {item.id} has no picture: {error}") from None
        data = small(picture.pixels, settings.thumbnail)
        olhar.blobs.put_thumbnail(item.content_hash, data)
    return data
