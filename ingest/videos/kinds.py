"""Which container a video is in, by its first bytes; by its name only where those cannot say."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final, Literal, TypeAlias

Container: TypeAlias = Literal["mov", "matroska", "avi"]
"""As FFmpeg names them; no other of its readers is ever opened."""

BY_ENDING: Final[dict[str, Container]] = {
    ".mp4": "mov",
    ".m4v": "mov",
    ".mov": "mov",
    ".3gp": "mov",
    ".webm": "matroska",
    ".mkv": "matroska",
    ".avi": "avi",
}
EXTENSIONS: Final = frozenset(BY_ENDING)
"""Endings, lower case with the dot, by which a file may be a video."""

_EBML: Final = b"\x1aE\xdf\xa3"
_PICTURES: Final = frozenset(b"avif avis heic heix heim heis hevc hevx mif1 msf1 crx  jp2  jpx  jxl ".split())
"""Brands of files that are built like MP4 and hold pictures (ISO/IEC 23008-12 and others)."""
_OLD_MOVIE: Final = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))
"""How QuickTime files from before brands begin."""
_OTHERS: Final = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II", b"MM", b"%PDF-", b"PK\x03\x04")
"""How pictures and documents begin, which may have the name of a video."""


def container_of(data: bytes, name: str = "") -> Container | None:
    """The container of a video, or of sound alone; None when this is neither."""
    named = BY_ENDING.get(PurePath(name).suffix.lower())
    if data.startswith(_EBML):
        return "matroska"
    if data.startswith(b"RIFF") and data[8:12] == b"AVI ":
        return "avi"
    if data[4:8] == b"ftyp":
        return None if data[8:12].strip() in _PICTURES else "mov"
    return "mov" if named == "mov" and data[4:8] in _OLD_MOVIE else None


def is_video(data: bytes, name: str = "") -> bool:
    """Whether a file is to be read as a video: by its content, or by its name where that says nothing."""
    if container_of(data, name) is not None:
        return True
    other = data.startswith(_OTHERS) or data[4:8] == b"ftyp"
    return PurePath(name).suffix.lower() in EXTENSIONS and not other
