"""Pictures and sounds in requests: from data URIs and uploads to what is encoded."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TypeVar, TypeVarTuple

from anyio import to_thread
from starlette.exceptions import HTTPException

from api.apart import Apart
from api.routes.forms import Form
from ingest.sounds.asking import windows_of
from ingest.sounds.reading import hearing
from ingest.sources import Reading
from rag.build import Olhar
from rag.errors import BadImage, BadSound, InvalidInput, NotFound
from rag.images import working_picture
from rag.settings import Settings
from rag.types import Pixels, Scope, Sound

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

ITEM = "olhar:"
"""Begins the name of a stored picture: ``olhar:<item id>``."""
FORMS = "a data URI in base64 (data:{};base64,…), olhar:<item id>, or a URL of http or https"
EXAMPLES = {"picture": "image/jpeg", "sound": "audio/wav"}


async def opened(apart: Apart, uris: Iterable[str | None], work: Callable[[*Ts], T], *args: *Ts) -> T:
    """What ``work`` gives, which opens these pictures: in a thread of its own where some are fetched."""
    if any(map(_is_remote, filter(None, uris))):
        return await apart.fetching.run(work, *args)
    return await to_thread.run_sync(work, *args)


def picture_bytes(uri: str, olhar: Olhar, scope: Scope) -> bytes:
    """The picture that a request names: in the name itself, an item of ``scope``, or on the web.

    The type that a data URI declares is not believed. Raises BadImage for any other name, NotFound, and
    BadSource or SourceUnavailable as ``Fetcher.fetch``: only public addresses are asked.
    """
    return _bytes(uri, olhar, scope, "picture", BadImage)


def sound_bytes(uri: str, olhar: Olhar, scope: Scope) -> bytes:
    """As ``picture_bytes``, for a sound. Raises BadSound for any other name."""
    return _bytes(uri, olhar, scope, "sound", BadSound)


def _bytes(uri: str, olhar: Olhar, scope: Scope, what: str, bad: type[InvalidInput]) -> bytes:
    if uri.startswith(ITEM):
        for item in olhar.store.get(scope, "image", [uri.removeprefix(ITEM)]):
            return olhar.blobs.get(item.content_hash)
        raise NotFound(f"there is no {what} {uri.removeprefix(ITEM):.80} in this collection")
    if _is_remote(uri):
        sink = BytesIO()
        Reading.of(olhar.settings, local=False).fetcher.fetch(uri, sink, max_bytes=olhar.settings.max_bytes)
        return sink.getvalue()
    return _inline(uri, what, bad)


def _is_remote(uri: str) -> bool:
    return uri[:8].partition("://")[0].lower() in ("http", "https")


def _inline(uri: str, what: str, bad: type[InvalidInput]) -> bytes:
    head, comma, content = uri.partition(",")
    if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        raise bad(f"a {what} has to be {FORMS.format(EXAMPLES[what])}")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise bad(f"the data URI of the {what} is no valid base64") from None


def pixels_of(data: bytes, settings: Settings) -> Pixels:
    """Decode within the limits of the settings, and shrink as ingestion does.

    Raises BadImage, and HTTPException 413 beyond OLHAR_MAX_BYTES.
    """
    _check_size(data, settings, "picture")
    return working_picture(data, max_pixels=settings.max_pixels).pixels


async def sound_of(data: bytes, olhar: Olhar, apart: Apart) -> Sound:
    """What is heard of a sound, read in a child process, a few at a time.

    Raises InvalidInput where the encoder does not hear, Busy when too many sounds wait already, HTTPException
    413 beyond OLHAR_MAX_BYTES, and what ``windows_of`` raises.
    """
    hearing(olhar.encoder)  # or else it need not be read
    _check_size(data, olhar.settings, "sound")
    return await apart.hearing.run(windows_of, data, olhar.settings)


def _check_size(data: bytes, settings: Settings, what: str) -> None:
    if len(data) > settings.max_bytes:
        raise HTTPException(
            413, f"the {what} has {len(data)} bytes; OLHAR_MAX_BYTES allows {settings.max_bytes}"
        )


async def only_file(form: Form, key: str) -> bytes:
    """The bytes of the form's one file. Raises InvalidInput when it was not sent."""
    if not form.files:
        raise InvalidInput(f"send it as the file {key!r} of the form")
    return await form.files[0].read()
