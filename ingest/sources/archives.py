"""ZIP and TAR: their members as files, read in place and within bounds.

Only a compressed TAR, which cannot be read in any order, is unpacked once into a temporary file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ingest.descriptions import Description
from ingest.sidecars import chosen
from ingest.sources import tars, zips
from ingest.sources.beside import described
from ingest.sources.files import ARCHIVES, SourceFile, shown
from ingest.sources.kept import Kept, Together
from ingest.sources.reading import Reading
from rag.errors import BadSource, OlharError


def is_archive(name: str) -> bool:
    """Whether a file is taken for an archive, by its name."""
    return name.lower().endswith(ARCHIVES)


def archived(path: Path, reading: Reading) -> Iterator[SourceFile]:
    """The files in an archive on this machine. Raises BadSource when it cannot be read at all."""
    absolute = Path(os.path.abspath(path))
    try:
        file = absolute.open("rb")
    except OSError as error:
        raise BadSource(f"cannot be read: {error.strerror or error}") from None
    return unpacked(file, shown(absolute), reading, absolute)


def sent(
    file: BinaryIO,
    source: str,
    reading: Reading,
    description: Description,
    together: Together,
    *,
    replaces: bool,
) -> Iterator[SourceFile]:
    """The files in an archive that somebody sent, which is closed when the last of them is let go.

    ``description`` is that of each file as far as it has none of its own; ``replaces`` says that ``source``
    is one place; ``together`` is what is left to all archives of the upload. An archive that cannot be read
    has one receipt that says why.
    """
    for member in told(source, partial(unpacked, file, source, reading, together=together)):
        both = chosen([member.description, description])
        yield replace(member, description=both, replaces=replaces)


def told(source: str, files: Callable[[], Iterator[SourceFile]]) -> Iterator[SourceFile]:
    """The files; when they cannot be listed, that is the receipt of the source."""
    try:
        yield from files()
    except OlharError as error:
        again = "; trying again may help" if error.retryable else ""
        yield SourceFile.refuse(source, "failed", f"{error}{again}")


def unpacked(
    file: BinaryIO,
    source: str,
    reading: Reading,
    path: Path | None = None,
    together: Together | None = None,
) -> Iterator[SourceFile]:
    """The files in an archive, which is closed when the last of them is let go.

    ``path`` is where it lies, if others can open it there: then its members can be read again. A member that
    is refused comes as such, and so does damage that hides members. Raises BadSource when this is neither a
    ZIP nor a TAR, or holds more files than allowed.
    """
    file.seek(0)
    kept = Kept(file, path)
    kind = zips if kept.read_at(0, 2) == b"PK" else tars
    listing = kind.listing(kept, reading, together)
    for problem in listing.problems:
        yield SourceFile.refuse(source, "failed", problem)
    yield from described(listing.members, lambda name: f"{source}!/{name}")
