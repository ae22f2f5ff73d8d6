"""Whatever the bytes, decoding gives an upright sRGB picture or says why not."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from rag.errors import BadImage
from rag.images import (
    WORKING_SIDE,
    as_pillow,
    decode,
    extensions,
    opening,
    phash,
    read,
    resize,
    working_picture,
)
from rag.images.gate import Gate
from rag.types import Pixels

LIMIT = 1_000_000
RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def two_colours() -> Image.Image:
    """40 × 20, the left half red, the right half blue."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (20, 0, 40, 20))
    return image


def near(pixel: NDArray[np.uint8], colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= tolerance)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF", "JPEG2000"])
def test_usual_formats(kind: str) -> None:
    pixels = decode(encoded(two_colours(), kind), max_pixels=LIMIT)
    assert pixels.shape == (20, 40, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert near(pixels[10, 5], RED, 25)
    assert near(pixels[10, 35], BLUE, 25)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_upright(orientation: int) -> None:
    upright = two_colours()
    upright.paste(WHITE, (0, 0, 10, 10))
    stored = {
        1: lambda i: i,
        2: lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda i: i.transpose(Image.Transpose.ROTATE_180),
        4: lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda i: i.transpose(Image.Transpose.TRANSPOSE),
        6: lambda i: i.transpose(Image.Transpose.ROTATE_90),
        7: lambda i: i.transpose(Image.Transpose.TRANSVERSE),
        8: lambda i: i.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = decode(encoded(stored, exif=exif), max_pixels=LIMIT)
    assert np.array_equal(pixels, np.asarray(upright))


def test_transparency_is_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    clear.putpixel((0, 0), (*RED, 255))
    pixels = decode(encoded(clear), max_pixels=LIMIT)
    assert tuple(pixels[0, 0]) == RED
    assert tuple(pixels[3, 3]) == WHITE


def test_a_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([*BLACK, *RED])
    image.putpixel((0, 0), 0)
    pixels = decode(encoded(image, transparency=0), max_pixels=LIMIT)
    assert tuple(pixels[0, 0]) == WHITE
    assert tuple(pixels[3, 3]) == RED


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(np.array([[0, 65535]], np.uint16), [0, 255], id="16 bits"),
        pytest.param(np.array([[0, 32768]], np.uint16), [0, 128], id="16 bits, darker"),
        pytest.param(np.array([[0, 4095]], np.uint16), [0, 255], id="12 bits in 16"),
        pytest.param(np.array([[0, 200]], np.uint16), [0, 200], id="8 bits in 16"),
        pytest.param(np.array([[-1000, 100_000]], np.int32), [0, 255], id="32 bits"),
        pytest.param(np.array([[0.0, 0.5]], np.float32), [0, 128], id="floats of 0…1"),
        pytest.param(np.array([[0.0, 200.0]], np.float32), [0, 200], id="floats of 0…255"),
        pytest.param(np.array([[-3.0, 3.0]], np.float32), [0, 255], id="floats of any range"),
        pytest.param(np.array([[np.nan, 1.0]], np.float32), [0, 255], id="floats, one of them no number"),
        pytest.param(np.array([[-5.0, -5.0]], np.float32), [0, 0], id="floats, all the same"),
    ],
)
def test_deep_samples_come_to_eight_bits(samples: NDArray[Any], expected: list[int]) -> None:
    pixels = decode(encoded(Image.fromarray(samples), "TIFF"), max_pixels=LIMIT)
    assert pixels[0, :, 0].tolist() == expected


def test_a_dark_png_of_sixteen_bits_stays_dark() -> None:
    dark = Image.fromarray(np.array([[0, 4095]], np.uint16))
    assert decode(encoded(dark), max_pixels=LIMIT)[0, :, 0].tolist() == [0, 16]


def test_cmyk() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert near(decode(encoded(image, "JPEG"), max_pixels=LIMIT)[8, 8], RED)


def test_lab() -> None:
    lab = ImageCms.createProfile("LAB")
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    image = to_lab.apply(two_colours())
    assert image is not None
    assert near(decode(encoded(image, "TIFF"), max_pixels=LIMIT)[10, 5], RED)


def swapped_profile() -> bytes:
    """An sRGB-like profile in which red and blue have changed places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"!!!!").replace(b"bXYZ", b"rXYZ").replace(b"!!!!", b"bXYZ")
    name = "sRGB".encode("utf-16-be")
    return swapped.replace(name, "swap".encode("utf-16-be"))


def test_colours_go_through_the_profile_of_the_file() -> None:
    pixels = decode(encoded(two_colours(), icc_profile=swapped_profile()), max_pixels=LIMIT)
    assert near(pixels[10, 5], BLUE)
    assert near(pixels[10, 35], RED)


def test_a_bad_profile_is_no_reason_to_refuse() -> None:
    pixels = decode(encoded(two_colours(), icc_profile=b"no profile" * 20), max_pixels=LIMIT)
    assert near(pixels[10, 5], RED)


def test_of_an_animation_the_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert near(decode(data, max_pixels=LIMIT)[4, 4], RED)


def test_a_large_jpeg_comes_smaller_but_never_too_small() -> None:
    data = encoded(Image.new("RGB", (1600, 800), RED), "JPEG")
    assert decode(data, max_pixels=10**7).shape == (800, 1600, 3)
    assert decode(data, max_pixels=10**7, max_side=200).shape == (200, 400, 3)
    assert decode(data, max_pixels=10**7, max_side=201).shape == (400, 800, 3)
    assert decode(data, max_pixels=10**7, max_side=5000).shape == (800, 1600, 3)


def test_too_many_pixels_names_the_limit_and_the_setting() -> None:
    data = encoded(Image.new("1", (101, 100)))
    assert decode(data, max_pixels=10_100).shape == (100, 101, 3)
    with pytest.raises(BadImage, match=re.escape("101 × 100, and the limit is 10,099 (OLHAR_MAX_PIXELS)")):
        decode(data, max_pixels=10_099)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    header = Image.new("1", (8, 8))
    data = bytearray(encoded(header, "BMP"))
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(BadImage, match="OLHAR_MAX_PIXELS"):
        decode(bytes(data), max_pixels=LIMIT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "not a picture"),
        (encoded(two_colours())[:60], "truncated|damaged"),
        (encoded(Image.effect_noise((64, 64), 80).convert("RGB"), "JPEG")[:900], "truncated"),
    ],
)
def test_the_reason_is_said(data: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        decode(data, max_pixels=LIMIT)


def test_nothing_is_run_to_read_a_picture() -> None:
    with pytest.raises(BadImage, match="not a picture"):
        decode(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", max_pixels=LIMIT
        )
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".avif", ".tif", ".mpo"} <= extensions()
    assert not {".eps", ".pdf", ".mpg", ".txt", ".json", ""} & extensions()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_give_a_picture_or_bad_image(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "ICO", "TGA", "PCX"]))
    raw = bytearray(encoded(two_colours(), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = decode(bytes(raw[: data.draw(st.integers(1, len(raw)))]), max_pixels=LIMIT)
    except BadImage:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


def test_pillows_warnings_stay_inside() -> None:
    """Pillow warns of an animation without frames and shows the picture; so do we, without a word."""
    plain = encoded(two_colours())
    chunk = b"acTL" + bytes(8)
    animated = plain[:33] + struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk)) + plain[33:]
    with pytest.warns(UserWarning, match="APNG"):
        Image.open(io.BytesIO(animated))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(animated, max_pixels=LIMIT).shape == (20, 40, 3)


def test_nothing_is_printed_about_a_damaged_file() -> None:
    program = (
        "import sys\nfrom rag.images import decode\nfrom rag.errors import BadImage\n"
        "data = sys.stdin.buffer.read()\n"
        "for end in range(1, len(data), 7):\n"
        "    try: decode(data[:end], max_pixels=10**6)\n"
        "    except BadImage: pass\n"
    )
    fax = bytearray(encoded(two_colours().convert("1"), "TIFF", compression="group4"))
    fax[8:24] = bytes(16)
    done = subprocess.run([sys.executable, "-c", program], input=bytes(fax), capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_threads_decode_at_once() -> None:
    kinds = ["PNG", "JPEG", "GIF", "WEBP", "TIFF"]
    sources = [encoded(two_colours(), kind) for kind in kinds]
    expected = [decode(data, max_pixels=LIMIT) for data in sources]
    wrong: list[str] = []

    def work() -> None:
        for _ in range(20):
            for kind, data, pixels in zip(kinds, sources, expected, strict=True):
                if not np.array_equal(decode(data, max_pixels=LIMIT), pixels):
                    wrong.append(kind)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, 0),
        (
            {ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09"},
            int(datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp()),
        ),
        (
            {
                ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09",
                ExifTags.Base.OffsetTimeOriginal: "-03:00",
            },
            int(datetime(2024, 5, 6, 10, 8, 9, tzinfo=UTC).timestamp()),
        ),
        ({ExifTags.Base.DateTimeOriginal: "0000:00:00 00:00:00"}, 0),
        ({ExifTags.Base.DateTimeOriginal: "yesterday"}, 0),
    ],
)
def test_when_it_was_taken(tags: dict[int, str], expected: int) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    assert read(encoded(two_colours(), "JPEG", exif=exif), max_pixels=LIMIT).taken_at == expected


def gradient() -> Pixels:
    return np.broadcast_to(np.arange(0, 255, 2, dtype=np.uint8)[None, ::-1, None], (64, 128, 3)).copy()


def test_resize_is_width_then_height() -> None:
    assert resize(gradient(), (30, 20)).shape == (20, 30, 3)
    assert resize(gradient(), (128, 64)) is not None


def test_resize_averages_what_it_drops() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert abs(int(resize(stripes, (8, 8)).mean()) - 127) <= 2


def test_phash_is_sixteen_digits_of_what_the_picture_shows() -> None:
    assert phash(gradient()) == "f" * 16
    assert phash(gradient()[:, ::-1]) == "0" * 16
    assert phash(resize(gradient(), (90, 50))) == "f" * 16


def test_as_pillow_keeps_the_pixels() -> None:
    assert np.array_equal(np.asarray(as_pillow(gradient())), gradient())


def test_a_working_picture_is_small_and_keeps_its_shape() -> None:
    large = working_picture(encoded(Image.new("RGB", (3000, 1500)), "PNG"), max_pixels=10**7).pixels
    assert large.shape[0] * large.shape[1] <= WORKING_SIDE**2 + 2048
    assert large.shape[1] == pytest.approx(2 * large.shape[0], abs=2)
    small = encoded(Image.new("RGB", (30, 20), "red"), "PNG")
    assert_array_equal(working_picture(small, max_pixels=10**7).pixels, decode(small, max_pixels=10**7))


def test_pictures_wait_while_too_many_pixels_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of threads that decode at once, together never more than the budget; what is larger goes alone."""
    monkeypatch.setattr(opening, "_gate", Gate(25_000))
    inside: list[int] = []
    most: list[int] = []
    upright = opening._upright

    def slow(image: Image.Image) -> Image.Image:
        size = image.width * image.height
        inside.append(size)
        most.append(sum(inside))
        time.sleep(0.01)
        inside.remove(size)
        return upright(image)

    monkeypatch.setattr(opening, "_upright", slow)
    pictures = [encoded(Image.new("L", (100, 100)), "PNG")] * 12
    pictures[3] = encoded(Image.new("L", (200, 200)), "PNG")
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda data: working_picture(data, max_pixels=10**6), pictures))
    assert max(most) == 40_000
    assert sorted(set(most)) in ([10_000, 20_000, 40_000], [10_000, 40_000])


def test_a_damaged_picture_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_gate", Gate(1))
    damaged = encoded(Image.new("L", (100, 100)), "PNG")[:-30]
    for _ in range(2):
        with pytest.raises(BadImage):
            decode(damaged, max_pixels=10**6)
