"""What browsers may show of strangers' files, by their first bytes: pictures, videos, sounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SIGNATURES: Final[Mapping[tuple[int, bytes], str]] = {
    (0, b"\xff\xd8\xff"): "image/jpeg",
    (0, b"\x89PNG\r\n\x1a\n"): "image/png",
    (0, b"GIF8"): "image/gif",
    (0, b"BM"): "image/bmp",
    (8, b"WEBP"): "image/webp",
    (4, b"ftypavif"): "image/avif",
    (8, b"WAVE"): "audio/wav",
    (0, b"fLaC"): "audio/flac",
    (0, b"OggS"): "audio/ogg",
    (0, b"ID3"): "audio/mpeg",
    **{(0, b"\xff" + second): "audio/mpeg" for second in (b"\xfb", b"\xfa", b"\xf3", b"\xf2")},
    (4, b"ftypM4A "): "audio/mp4",
    (4, b"ftypM4B "): "audio/mp4",
    (4, b"ftypqt  "): "video/quicktime",
    **{(4, b"ftyp" + brand): "video/mp4" for brand in (b"iso", b"mp4", b"avc1", b"M4V", b"3gp", b"dash")},
}
"""Place and bytes of each type. Matroska and AVI are none that browsers show: they are downloaded."""
_HEARD: Final[Mapping[str, str]] = {"video/mp4": "audio/mp4", "video/webm": "audio/webm"}
"""What those are that hold sound alone."""
SIGNED: Final = 64
"""First bytes of a file that tell its type."""
_EBML: Final = b"\x1aE\xdf\xa3"
_WEBM: Final = b"\x42\x82\x84webm"
"""The element DocType of Matroska (RFC 8794), four bytes long."""


def shown_type(data: bytes, *, heard: bool = False) -> str | None:
    """The media type of what a browser may show; None for all else. ``heard``: it is sound alone."""
    found = _by_signature(data)
    return _HEARD.get(found, found) if heard and found else found


def _by_signature(data: bytes) -> str | None:
    if data.startswith(_EBML):
        return "video/webm" if _WEBM in data[:SIGNED] else None
    found = (name for (place, sign), name in SIGNATURES.items() if data.startswith(sign, place))
    return next(found, None)
