"""Which sources of a folder are there no more."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ingest.sources.files import SourceFile, shown


def beginning(folder: Path) -> str:
    """What the sources of all files under a folder begin with."""
    return f"{shown(Path(os.path.abspath(folder))).rstrip(os.sep)}{os.sep}"


def gone(known: Iterable[str], found: Collection[SourceFile]) -> Iterator[str]:
    """Those of the ``known`` sources whose file is not there; ``found`` is all that was seen.

    A file that is there and was left out, one that lies in an archive that is there, and one in a folder that
    could not be read are not gone.
    """
    seen = {file.source for file in found}
    unread = tuple(f.source for f in found if f.refused is not None and f.refused.status == "failed")
    for source in known:
        if source not in seen and not source.startswith(unread) and _is_gone(source):
            yield source


def _is_gone(source: str) -> bool:
    """Whether nothing is at the path, and no file is at a beginning of it that ends a name."""
    path = Path(source)
    try:
        os.lstat(path)
    except FileNotFoundError:
        archive, inside, _ = source.partition("!/")
        return not (inside and os.path.lexists(archive))
    except (OSError, ValueError):
        return False
    return False
