"""What a file says of itself is found, in any of the usual ways, and nonsense is nothing."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from rag.images import Embedded, embedded, read

BASE, IFD, GPS = ExifTags.Base, ExifTags.IFD, ExifTags.GPS
NOTHING = Embedded("", (), {})


def encoded(kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, kind, **options)
    return out.getvalue()


def exif(
    base: dict[int, Any], own: dict[int, Any] | None = None, gps: dict[int, Any] | None = None
) -> Image.Exif:
    made = Image.Exif()
    made.update(base)
    made.get_ifd(IFD.Exif).update(own or {})
    made.get_ifd(IFD.GPSInfo).update(gps or {})
    return made


def place(latitude: tuple[Any, ...], north: str, longitude: tuple[Any, ...], east: str) -> dict[int, Any]:
    return {
        GPS.GPSLatitudeRef: north,
        GPS.GPSLatitude: latitude,
        GPS.GPSLongitudeRef: east,
        GPS.GPSLongitude: longitude,
    }


def with_iptc(*records: tuple[int, bytes]) -> bytes:
    """A JPEG with these datasets of record 2, in the segment that Photoshop made."""
    sets = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(data)) + data for number, data in records)
    block = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(sets)) + sets + b"\0" * (len(sets) % 2)
    segment = b"Photoshop 3.0\0" + block
    plain = encoded()
    return plain[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_exif_in_every_format(kind: str) -> None:
    made = exif(
        {BASE.Make: "Maker", BASE.Model: "One", BASE.ImageDescription: "Crossing the bay"},
        {BASE.DateTimeOriginal: "2024:05:06 07:08:09", BASE.OffsetTimeOriginal: "-03:00"},
    )
    assert embedded(encoded(kind, exif=made)) == Embedded(
        "Crossing the bay",
        (),
        {"taken": "2024-05-06T07:08:09-03:00", "camera_make": "Maker", "camera_model": "One"},
    )


def test_places() -> None:
    made = exif({}, gps=place((8.0, 3.0, 46.8), "S", (34.0, 52.0, 12.0), "W"))
    assert embedded(encoded(exif=made)).metadata == {"latitude": -8.063, "longitude": -34.87}


@pytest.mark.parametrize(
    "gps",
    [
        place((91.0, 0.0, 0.0), "N", (0.0, 0.0, 1.0), "E"),
        place((0.0, 0.0, 0.0), "N", (0.0, 0.0, 0.0), "E"),
        place((1.0, 0.0, 0.0), "X", (1.0, 0.0, 0.0), "E"),
        place((1.0, 0.0), "N", (1.0, 0.0, 0.0), "E"),
        place((TiffImagePlugin.IFDRational(1, 0), 0.0, 0.0), "N", (1.0, 0.0, 0.0), "E"),
        {GPS.GPSLatitude: (1.0, 2.0, 3.0)},
    ],
)
def test_a_place_that_cannot_be_is_none(gps: dict[int, Any]) -> None:
    assert embedded(encoded(exif=exif({}, gps=gps))) == NOTHING


def test_iptc() -> None:
    data = with_iptc(
        (5, b"A title"), (120, "Praça à noite".encode()), (25, b"one"), (25, "dois é".encode()), (25, b"one"),
        (90, "S\u00e3o Paulo".encode("latin-1")), (101, b"Brasil"), (55, b"20240506"), (60, b"070809-0300"),
    )  # fmt: skip
    assert embedded(data) == Embedded(
        "Praça à noite",
        ("one", "dois é"),
        {"title": "A title", "taken": "2024-05-06T07:08:09-03:00", "city": "São Paulo", "country": "Brasil"},
    )
    assert read(data, max_pixels=100).taken_at == 1714990089


def test_xmp() -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:d="http://purl.org/dc/elements/1.1/"><r:Description>'
        '<d:title><r:Alt><r:li xml:lang="x-default">Título</r:li></r:Alt></d:title>'
        "<d:description><r:Alt><r:li>Sunset over the river</r:li></r:Alt></d:description>"
        "<d:subject><r:Bag><r:li>river</r:li><r:li>céu</r:li></r:Bag></d:subject>"
        "</r:Description></r:RDF></x:xmpmeta>"
    )
    xmp = packet.encode()
    for data in (encoded("JPEG", xmp=xmp), encoded("WEBP", xmp=xmp), encoded("TIFF", tiffinfo={700: xmp})):
        assert embedded(data) == Embedded("Sunset over the river", ("river", "céu"), {"title": "Título"})


def test_an_entity_in_xmp_is_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d:title xmlns:d="http://purl.org/dc/elements/1.1/">&b;'
    assert embedded(encoded(xmp=f"{bomb}</d:title>".encode())) == NOTHING


def test_texts_of_windows_and_of_png() -> None:
    made = exif({0x9C9B: "Título\0".encode("utf-16-le"), 0x9C9E: "a;b é".encode("utf-16-le")})
    assert embedded(encoded(exif=made)) == Embedded("", ("a", "b é"), {"title": "Título"})
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Night")
    text.add_itxt("Description", "Praça à noite")
    assert embedded(encoded("PNG", pnginfo=text)) == Embedded("Praça à noite", (), {"title": "Night"})


@pytest.mark.parametrize(
    "text", ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "DCIM\\100", "Created with GIMP", " ", "\0"]
)
def test_what_a_camera_writes_into_every_picture_is_no_caption(text: str) -> None:
    assert embedded(encoded(exif=exif({BASE.ImageDescription: text}))).caption == ""


@given(st.data())
def test_damaged_files_say_something_or_nothing(data: st.DataObject) -> None:
    raw = bytearray(
        encoded(exif=exif({BASE.Make: "M"}, {BASE.DateTimeOriginal: "2024:05:06 07:08:09"},
                          place((8.0, 3.0, 46.8), "S", (34.0, 52.0, 12.0), "W")))
    )  # fmt: skip
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(2, 300))] = data.draw(st.integers(0, 255))
    found = embedded(bytes(raw))
    assert set(found.metadata) <= {"taken", "camera_make", "latitude", "longitude"}


@pytest.mark.parametrize("data", [b"", b"nothing", b"\xff\xd8\xff"])
def test_what_is_no_picture_says_nothing(data: bytes) -> None:
    assert embedded(data) == NOTHING
