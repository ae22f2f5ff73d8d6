"""One file to be ingested, wherever it lies."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import BinaryIO

from ingest.descriptions import Description
from ingest.documents.kinds import EXTENSIONS
from ingest.receipts import FileReceipt, Status
from ingest.sounds.kinds import EXTENSIONS as SOUNDS
from ingest.videos.kinds import EXTENSIONS as VIDEOS
from rag.errors import InvalidInput
from rag.images import extensions
from rag.types import JSON

NOT_USABLE = "neither a picture nor a document nor a video nor a sound, by its name"
ARCHIVE = "an archive; name it itself, and what it holds is ingested"
URL = "url"
"""The key of a locator with an address."""
ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to be ingested.

    ``source`` names it for people and for later runs. ``path`` is there when it lies on this machine.
    ``replaces`` says that ``source`` is one place: when other bytes are found there, they take the place
    of the earlier ones; a name that any file may have, as in an upload, replaces nothing. ``refused``
    is its receipt when it is known without reading; ``read`` then raises InvalidInput. ``size`` in bytes
    and ``revision`` (equal as long as the content is) are there where they are known without reading.
    ``stream`` is there where the content need not be read whole, ``locator`` where another process can read
    it by that, and ``staged`` is the name under which it is among the staged bytes already.
    """

    source: str
    read: Callable[[], bytes]
    description: Description = field(default_factory=Description)
    path: Path | None = None
    replaces: bool = False
    refused: FileReceipt | None = None
    size: int | None = None
    revision: str = ""
    stream: Callable[[], BinaryIO] | None = None
    staged: str = ""
    locator: Mapping[str, JSON] = field(default_factory=dict)

    def open(self) -> BinaryIO:
        """The content as a stream that the caller closes. Raises what ``read`` raises, and OSError."""
        return io.BytesIO(self.read()) if self.stream is None else self.stream()

    @classmethod
    def of(cls, path: Path, description: Description | None = None) -> SourceFile:
        """A file on this machine; its source is its absolute path."""
        absolute = Path(os.path.abspath(path))
        size, revision = _state(absolute)
        return cls(
            source=shown(absolute),
            read=absolute.read_bytes,
            description=description or Description(),
            path=absolute,
            replaces=True,
            size=size,
            revision=revision,
            stream=lambda: absolute.open("rb"),
        )

    @classmethod
    def refuse(cls, source: str, status: Status, reason: str) -> SourceFile:
        """Something that was found and is no file to be read."""

        def read() -> bytes:
            raise InvalidInput(reason)

        return cls(source, read, refused=FileReceipt(source, status, "", reason))


def shown(path: Path) -> str:
    """A path as text; bytes that are no UTF-8 are written as ``\\\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def unusable(name: str) -> str:
    """Why a file that nobody named is left out, by its name; empty for one that may be used."""
    if PurePath(name).suffix.lower() in (extensions() | EXTENSIONS | VIDEOS | SOUNDS):
        return ""
    return ARCHIVE if name.lower().endswith(ARCHIVES) else NOT_USABLE


def too_large(size: int, max_bytes: int) -> str:
    """The reason why a file of ``size`` bytes is refused; empty when it is not."""
    if size <= max_bytes:
        return ""
    return f"too large: {size:,} bytes, and the limit is {max_bytes:,} (OLHAR_MAX_BYTES)"


def _state(path: Path) -> tuple[int | None, str]:
    try:
        found = path.stat()
    except OSError:
        return None, ""
    return found.st_size, f"{found.st_mtime_ns}-{found.st_size}"
