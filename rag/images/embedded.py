"""What a picture's file says besides its pixels: EXIF, IPTC and XMP. Nonsense counts as nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from PIL import ExifTags, Image
from PIL.IptcImagePlugin import getiptcinfo

from rag.errors import BadImage
from rag.images.opening import header

TEXT = 2000
"""Longest text, in characters."""
KEYWORDS = 100
XMP_BYTES = 2**20
_BY_CAMERAS = re.compile(
    r"(olympus|konica|minolta|kodak|sony|samsung|digital|still|camera|image|picture|photo|dsc|dcim|exif|jpeg"
    r"|created|with|by|gimp|screenshot|default|untitled|\W|_|\d)*",
    re.IGNORECASE,
)
"""Captions that cameras and programs put into every picture."""

_XP = {"title": 0x9C9B, "caption": 0x9C9C, "keywords": 0x9C9E}
"""Windows' own tags, in UTF-16."""
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_IPTC = {
    "title": (2, 5), "caption": (2, 120), "city": (2, 90), "state": (2, 95), "country": (2, 101),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Embedded:
    """What was found, and nothing for the rest.

    ``metadata`` may have ``title``, ``taken`` (ISO 8601, with its offset where known), ``latitude`` and
    ``longitude`` (degrees, north and east positive), ``camera_make``, ``camera_model``, ``city``, ``state``
    and ``country``.
    """

    caption: str
    keywords: tuple[str, ...]
    metadata: Mapping[str, str | float]


def embedded(data: bytes) -> Embedded:
    """What the file says. Never raises; reads the header only."""
    try:
        with header(data, Image.MAX_IMAGE_PIXELS or 0) as image:
            return _all(image)
    except BadImage:
        return Embedded("", (), {})


def taken_at(image: Image.Image) -> int:
    """When the picture was taken: Unix seconds, 0 when the file does not say. Without offset taken as UTC."""
    time = _taken(exif_of(image), _iptc(image))
    with suppress(OverflowError, ValueError, OSError):
        return 0 if time is None else int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    return 0


def exif_of(image: Image.Image) -> Image.Exif:
    """The EXIF as far as it can be read without decoding the picture."""
    if image.format == "PNG" and not {"exif", "Raw profile type exif"} & image.info.keys():
        return Image.Exif()  # Pillow would decode all of it to look behind the pixels
    try:
        return image.getexif()
    except Exception:  # damaged EXIF is no reason to refuse the picture
        return Image.Exif()


def _all(image: Image.Image) -> Embedded:
    exif, iptc, xmp = exif_of(image), _iptc(image), _xmp(image)
    texts = {name: _text(iptc.get(tag)) for name, tag in _IPTC.items()}
    title = texts.pop("title") or _first(xmp, "title") or _windows(exif, "title") or _png(image, "Title")
    captions = (
        texts.pop("caption"),
        _first(xmp, "description"),
        _text(exif.get(ExifTags.Base.ImageDescription)),
        _windows(exif, "caption"),
        _png(image, "Description"),
    )
    time = _taken(exif, iptc)
    metadata: dict[str, str | float] = {
        "title": title,
        "taken": time.isoformat() if time else "",
        "camera_make": _text(exif.get(ExifTags.Base.Make)),
        "camera_model": _text(exif.get(ExifTags.Base.Model)),
        **texts,
        **_place(exif),
    }
    return Embedded(
        caption=next((text for text in captions if text and not _BY_CAMERAS.fullmatch(text[:100])), ""),
        keywords=_keywords(exif, iptc, xmp),
        metadata={name: value for name, value in metadata.items() if value != ""},
    )


def _taken(exif: Image.Exif, iptc: Mapping[Any, Any]) -> datetime | None:
    base = ExifTags.Base
    for stamp, offset in (
        (base.DateTimeOriginal, base.OffsetTimeOriginal),
        (base.DateTimeDigitized, base.OffsetTimeDigitized),
    ):
        own = _ifd(exif, ExifTags.IFD.Exif)
        if found := _time(own.get(stamp), "%Y:%m:%d %H:%M:%S", own.get(offset)):
            return found
    clock = _text(iptc.get((2, 60)))
    return _time(_text(iptc.get((2, 55))) + clock[:6], "%Y%m%d%H%M%S", clock[6:])


def _time(stamp: object, form: str, offset: object) -> datetime | None:
    try:
        time = datetime.strptime(str(stamp).strip("\0 "), form)
    except ValueError:
        return None
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", str(offset).strip("\0 "))
    if match is None:
        return time
    minutes = int(match[2]) * 60 + int(match[3])
    if minutes >= 24 * 60:
        return time
    return time.replace(tzinfo=timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes)))


def _place(exif: Image.Exif) -> dict[str, float]:
    gps = _ifd(exif, ExifTags.IFD.GPSInfo)
    tags = ExifTags.GPS
    latitude = _degrees(gps.get(tags.GPSLatitude), gps.get(tags.GPSLatitudeRef), "NS", 90)
    longitude = _degrees(gps.get(tags.GPSLongitude), gps.get(tags.GPSLongitudeRef), "EW", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return {}
    return {"latitude": latitude, "longitude": longitude}


def _degrees(parts: object, side: object, sides: str, limit: float) -> float | None:
    sign = _text(side)[:1].upper()
    if not isinstance(parts, tuple) or len(parts) != 3 or not sign or sign not in sides:
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + (0.0 if math.isnan(seconds) else seconds) / 3600
    if not 0 <= value <= limit:
        return None
    return round(-value if sign == sides[1] else value, 6)


def _keywords(exif: Image.Exif, iptc: Mapping[Any, Any], xmp: Mapping[str, list[str]]) -> tuple[str, ...]:
    given = iptc.get((2, 25), [])
    texts = [_text(one) for one in (given if isinstance(given, list) else [given])]
    texts += xmp.get("subject", [])
    texts += _windows(exif, "keywords").split(";")
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))[:KEYWORDS]


def _ifd(exif: Image.Exif, which: int) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(which)
    except Exception:  # as above
        return {}


def _iptc(image: Image.Image) -> Mapping[Any, Any]:
    if image.format not in ("JPEG", "MPO", "TIFF"):
        return {}
    try:
        return getiptcinfo(image) or {}  # type: ignore[arg-type]  # it takes what these formats are
    except Exception:  # as above
        return {}


def _xmp(image: Image.Image) -> Mapping[str, list[str]]:
    """The texts of each Dublin Core element, languages mixed."""
    raw = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not isinstance(raw, bytes | str) or not 0 < len(raw) <= XMP_BYTES:
        return {}
    try:
        root: Element = fromstring(raw.strip(b"\0") if isinstance(raw, bytes) else raw.strip("\0"))
    except Exception:  # as above, and entities are refused
        return {}
    return {
        name: [text for leaf in element.iter() if (text := _text(leaf.text))]
        for name in ("title", "description", "subject")
        for element in root.iter(_DUBLIN_CORE + name)
    }


def _first(xmp: Mapping[str, list[str]], name: str) -> str:
    return next(iter(xmp.get(name, [])), "")


def _windows(exif: Image.Exif, name: str) -> str:
    value = exif.get(_XP[name])
    return _text(value.decode("utf-16-le", "replace")) if isinstance(value, bytes) else ""


def _png(image: Image.Image, name: str) -> str:
    return _text(image.info.get(name)) if image.format == "PNG" else ""


def _text(value: object) -> str:
    """As text; bytes and what was taken for Latin-1 are UTF-8 if they can be."""
    text = value if isinstance(value, str) else ""
    if isinstance(value, bytes):
        text = value.decode("latin-1")
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    clean = text.partition("\0")[0].encode("utf-8", "replace").decode()
    return " ".join(clean.split())[:TEXT]
