"""Frames of animations and pages of TIFFs after the first: which are taken, and what is said of the rest."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from rag.errors import BadImage
from rag.images import Series, Wanted, decode, further, unit_of
from rag.images.frames import scenes

COLOURS = ("red", "lime", "blue", "yellow", "black", "white", "cyan", "magenta")
MAX = 10_000


def series(kind: str, colours: Sequence[str] = COLOURS, size: tuple[int, int] = (12, 8)) -> bytes:
    """A file of plain pictures."""
    first, *others = (Image.new("RGB", size, colour) for colour in colours)
    out = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(out, kind, save_all=True, append_images=others, **options)
    return out.getvalue()


def colours(found: Series) -> list[tuple[int, ...]]:
    """The colour in the middle of each."""
    pictures = [decode(frame.data, max_pixels=MAX) for frame in found.frames]
    return [tuple(picture[picture.shape[0] // 2, picture.shape[1] // 2]) for picture in pictures]


def numbers(found: Series) -> list[int]:
    return [frame.number for frame in found.frames]


RGB = [Image.new("RGB", (1, 1), colour).getpixel((0, 0)) for colour in COLOURS]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_frames_at_even_distances(kind: str) -> None:
    data = series(kind)
    assert unit_of(data) == "frame"
    found = further(data, Wanted(4, "even"), max_pixels=MAX)
    assert (found.unit, found.count, found.problems) == ("frame", 8, ())
    assert numbers(found) == [3, 5, 7]
    assert colours(found) == [RGB[2], RGB[4], RGB[6]]
    assert numbers(further(data, Wanted(100, "even"), max_pixels=MAX)) == [2, 3, 4, 5, 6, 7, 8]
    assert numbers(further(data, Wanted(), max_pixels=MAX)) == []


def test_scenes_are_the_frames_that_differ_most() -> None:
    data = series("GIF", ["black", "#010101", "#020202", "white", "#fefefe", "red", "#fd0000"])
    found = further(data, Wanted(6, "scenes"), max_pixels=MAX)
    assert numbers(found) == [4, 6]
    assert numbers(further(data, Wanted(2, "scenes"), max_pixels=MAX)) == [4]


def test_scenes_of_nothing_are_none() -> None:
    assert scenes([], 3) == []
    assert scenes([np.zeros(4, np.float32)] * 3, 3) == []


def test_a_frame_exactly_like_another_is_left_out() -> None:
    data = series("PNG", ["red", "lime", "red", "blue"])
    assert numbers(further(data, Wanted(9), max_pixels=MAX)) == [2, 4]


def test_pages_are_upright_and_what_is_no_page_is_left_out() -> None:
    out = io.BytesIO()
    plain = Image.new("RGB", (12, 8), "red")
    turned = Image.new("RGB", (12, 8), "blue")
    turned.paste("white", (0, 0, 12, 2))  # its top, which belongs on the right
    turned_tags = TiffImagePlugin.ImageFileDirectory_v2()
    turned_tags[274] = 6
    turned.encoderinfo = {"tiffinfo": turned_tags}
    small = Image.new("RGB", (3, 2), "lime")
    small_tags = TiffImagePlugin.ImageFileDirectory_v2()
    small_tags[254] = 1
    small.encoderinfo = {"tiffinfo": small_tags}
    plain.save(out, "TIFF", save_all=True, append_images=[turned, small, plain])
    data = out.getvalue()
    assert unit_of(data) == "page"
    found = further(data, Wanted(pages=10), max_pixels=MAX)
    assert (numbers(found), found.problems) == ([2, 4], ())
    page = decode(found.frames[0].data, max_pixels=MAX)
    assert page.shape == (12, 8, 3)
    assert tuple(page[6, 7]) == (255, 255, 255)
    assert tuple(page[6, 1]) == (0, 0, 255)


def test_pages_beyond_the_limit_are_told() -> None:
    found = further(series("TIFF"), Wanted(pages=3), max_pixels=MAX)
    assert numbers(found) == [2, 3]
    assert found.problems == ("the pages from 4 on were left out (OLHAR_PAGES)",)
    assert not further(series("TIFF"), Wanted(pages=1), max_pixels=MAX).frames


def test_a_bad_page_hurts_no_other() -> None:
    out = io.BytesIO()
    pages = [Image.new("RGB", (200 if n == 1 else 10, 200 if n == 1 else 10), COLOURS[n]) for n in range(4)]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    found = further(out.getvalue(), Wanted(pages=9), max_pixels=1000)
    assert numbers(found) == [3, 4]
    assert colours(found) == [RGB[2], RGB[3]]
    (problem,) = found.problems
    assert problem.startswith("page 2 was left out: too many pixels: 200 × 200")


def test_a_page_that_is_damaged_hurts_no_other() -> None:
    pages = [Image.new("L", (10, 10), shade) for shade in (10, 20, 30)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    data = bytearray(out.getvalue())
    with Image.open(io.BytesIO(data)) as image:
        image.seek(1)
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]  # of a TIFF
    data[start : start + length] = b"\xff" * length
    found = further(bytes(data), Wanted(pages=9), max_pixels=MAX)
    assert numbers(found) == [3]
    assert "page 2 was left out" in found.problems[0]


def test_what_follows_a_damaged_frame_is_told() -> None:
    data = series("GIF")
    found = further(data[: len(data) * 3 // 4], Wanted(9), max_pixels=MAX)
    assert 1 < len(found.frames) < 7
    assert found.problems == () or found.problems[0].startswith(
        f"the frames from {numbers(found)[-1] + 1} on"
    )


def test_it_ends_when_time_is_over() -> None:
    ticks = iter(range(100))
    found = further(series("TIFF"), Wanted(pages=9), max_pixels=MAX, seconds=3, clock=lambda: next(ticks))
    assert numbers(found) == [2, 3]
    assert found.problems == ("the pages from 4 on were left out: it took too long",)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG", "BMP"])
def test_what_has_one_picture_is_known_by_its_first_bytes(kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, kind)
    assert unit_of(out.getvalue()) is None
    assert further(out.getvalue(), Wanted(9, "even", 9), max_pixels=MAX) == Series("frame", 1)


def test_what_cannot_be_opened_is_a_bad_image() -> None:
    with pytest.raises(BadImage):
        further(b"II*\0" + struct.pack("<I", 8) + b"\0" * 40, Wanted(pages=9), max_pixels=MAX)
