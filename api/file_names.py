"""Names of files as a browser is told them: what a stranger called a file may not do harm to who saves it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final, Literal
from urllib.parse import quote

MOST: Final = 150
"""Characters of a name."""
ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/bmp": (".bmp",),
    "image/webp": (".webp",),
    "image/avif": (".avif",),
    "audio/wav": (".wav",),
    "audio/flac": (".flac",),
    "audio/ogg": (".ogg", ".oga", ".opus"),
    "audio/mpeg": (".mp3",),
    "audio/mp4": (".m4a", ".m4b", ".mp4"),
    "audio/webm": (".webm", ".weba"),
    "video/mp4": (".mp4", ".m4v"),
    "video/quicktime": (".mov", ".qt"),
    "video/webm": (".webm",),
}
"""How names of pictures and videos of a type end, the usual ending first."""
_FORBIDDEN: Final = re.compile(r'[<>:"|?*%\\/;]+')
_ATTR_CHARS: Final = "!#$&+-.^_`|~"


def disposition(kind: Literal["inline", "attachment"], name: str) -> str:
    """``Content-Disposition`` (RFC 6266): the name in ASCII, and in UTF-8 too where it is more (RFC 8187)."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    header = f'{kind}; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def safe_name(source: str, otherwise: str, shown: str | None) -> str:
    """The last part of a source as a name to save under; ``otherwise`` where nothing is left of it.

    Without characters that mean something to a shell, a file system or a reader's eye (direction marks); that
    of what is ``shown`` (its media type) ends as files of the type do.
    """
    last = re.split(r"[\\/]", source.rstrip("\\/"))[-1]
    kept = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    name = _FORBIDDEN.sub("_", kept).strip(" .") or otherwise
    stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix
    if shown and ending.lower() not in ENDINGS[shown]:
        stem, ending = name, ENDINGS[shown][0]
    ending = ending[:20]
    return stem[: MOST - len(ending)] + ending
