"""Which format a sound is in, by its first bytes."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Format: TypeAlias = Literal["wav", "flac", "ogg", "mp3", "mov"]
"""As FFmpeg names them; no other of its readers is ever opened."""
EXTENSIONS: Final = frozenset((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".m4b"))
"""Endings, lower case with the dot, by which a file may be a sound."""
_SIGNS: Final[dict[bytes, Format]] = {b"fLaC": "flac", b"OggS": "ogg", b"ID3": "mp3"}
_MP4_OF_SOUND: Final = frozenset((b"M4A ", b"M4B "))
"""Brands of MP4 files that hold sound alone. Those of others may too: their reader says (``SoundAlone``)."""


def format_of(data: bytes) -> Format | None:
    """The format of a sound; None when this is none."""
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return "wav"
    if data[4:8] == b"ftyp" and data[8:12] in _MP4_OF_SOUND:
        return "mov"
    if data[:1] == b"\xff" and data[1:2] in (b"\xfb", b"\xfa", b"\xf3", b"\xf2"):
        return "mp3"  # a frame of MPEG layer III, without tags before it
    return next((name for sign, name in _SIGNS.items() if data.startswith(sign)), None)


def is_sound(data: bytes) -> bool:
    """Whether a file is a sound, by its content."""
    return format_of(data) is not None
