"""Pictures in requests: from data URIs and uploads to pixels."""

from __future__ import annotations

import base64
import binascii

from starlette.exceptions import HTTPException

from api.routes.forms import Form
from rag.errors import BadImage, InvalidInput
from rag.images import working_picture
from rag.settings import Settings
from rag.types import Pixels


def bytes_of(uri: str) -> bytes:
    """The content of a data URI in base64; the type it declares is not believed.

    Raises BadImage for any other URI: nothing is downloaded.
    """
    head, comma, content = uri.partition(",")
    if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        raise BadImage("a picture has to be a data URI in base64 (data:image/jpeg;base64,…)")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise BadImage("the data URI of the picture is no valid base64") from None


def pixels_of(data: bytes, settings: Settings) -> Pixels:
    """Decode within the limits of the settings, and shrink as ingestion does.

    Raises BadImage, and HTTPException 413 beyond OLHAR_MAX_BYTES.
    """
    if len(data) > settings.max_bytes:
        raise HTTPException(
            413, f"the picture has {len(data)} bytes; OLHAR_MAX_BYTES allows {settings.max_bytes}"
        )
    return working_picture(data, max_pixels=settings.max_pixels).pixels


async def only_file(form: Form, key: str) -> bytes:
    """The bytes of the form's one file. Raises InvalidInput when it was not sent."""
    if not form.files:
        raise InvalidInput(f"send the picture as the file {key!r} of the form")
    return await form.files[0].read()
