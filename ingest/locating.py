"""A file to be ingested, as it is put down in the records, and back."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, cast

from ingest.descriptions import Description
from ingest.receipts import Status
from ingest.retrying import why
from ingest.sources import Reading, SourceFile
from ingest.sources.files import URL, too_large
from ingest.sources.opening import single
from ingest.sources.packed import ARCHIVE, member
from rag.blobs import Blobs
from rag.errors import InvalidInput, OlharError
from rag.records.types import FileRow, NewFile
from rag.types import JSON

PATH: Final = "path"
STAGED: Final = "staged"
UNKNOWN_BYTES: Final = 8 * 2**20
"""What a file of the web is taken to have, so that not too many are in memory together."""


def put_down(file: SourceFile, staged: Blobs, max_bytes: int) -> NewFile:
    """What the records keep of a file: where its bytes are, and what is said of it.

    Bytes that cannot be had again later (an upload, a member of a compressed TAR) are kept in ``staged``
    until the file has its receipt. A file that cannot be read comes with its receipt.
    """
    if file.refused is not None:
        return NewFile(file.source, {}, {}, status=file.refused.status, reason=file.refused.reason)
    said = _written(file.description)
    if file.path is not None:
        locator = {PATH: os.fsencode(file.path).decode("latin-1")}
        return NewFile(file.source, locator, said, file.replaces, file.size or 0)
    if file.staged:
        return NewFile(file.source, {STAGED: file.staged}, said, file.replaces, file.size or 0, file.staged)
    if file.locator:
        size = UNKNOWN_BYTES if file.size is None else file.size
        return NewFile(file.source, file.locator, said, file.replaces, size)
    try:
        if reason := too_large(file.size or 0, max_bytes):
            raise InvalidInput(reason)
        data = file.read()
        if reason := too_large(len(data), max_bytes):
            raise InvalidInput(reason)
        # A name of its own: nobody else's receipt takes these bytes away.
        name = secrets.token_hex(32)
        staged.put(name, data)
    except (OSError, OlharError) as error:
        status: Status = "quarantined" if isinstance(error, InvalidInput) else "failed"
        return NewFile(file.source, {}, {}, status=status, reason=why(error))
    return NewFile(file.source, {STAGED: name}, said, file.replaces, len(data), name)


def taken_up(row: FileRow, staged: Blobs, reading: Reading) -> SourceFile:
    """The file that was put down. Raises InvalidInput when it cannot be found by what the records say."""
    description = _read(row.description)
    where = row.locator
    if PATH in where:
        path = Path(os.fsdecode(str(where[PATH]).encode("latin-1")))
        return SourceFile(row.source, path.read_bytes, description, path, row.replaces)
    if URL in where:
        return single(str(where[URL]), description, reading)
    if ARCHIVE in where:
        size = cast(int, where["size"])
        return SourceFile(row.source, partial(member, where), description, replaces=row.replaces, size=size)
    if STAGED in where:
        read = partial(staged.get, str(where[STAGED]))
        return SourceFile(row.source, read, description, None, row.replaces)
    raise InvalidInput("its bytes were not kept; ingest it again")


def _written(description: Description) -> dict[str, JSON]:
    if not description:
        return {}
    return {
        "caption": description.caption,
        "captions": list[JSON](description.captions),
        "tags": list[JSON](description.tags),
        "metadata": dict(description.metadata),
        "caption_origin": description.caption_origin,
        "tags_origin": description.tags_origin,
    }


def _read(written: Mapping[str, JSON]) -> Description:
    return Description(
        caption=str(written.get("caption", "")),
        captions=_texts(written.get("captions")),
        tags=_texts(written.get("tags")),
        metadata=cast(Mapping[str, JSON], written.get("metadata") or {}),
        caption_origin=str(written.get("caption_origin", "")),
        tags_origin=str(written.get("tags_origin", "")),
    )


def _texts(value: JSON) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
