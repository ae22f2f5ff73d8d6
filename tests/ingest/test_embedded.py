"""What a file says of itself is stored, after what its source says of it."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import ExifTags, Image

from rag.images import thumbnail
from rag.images import working_picture as working
from tests.ingest.conftest import FakeParts, Run, save, statuses


def photo() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "Crossing the bay"
    exif[ExifTags.Base.Model] = "One"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    out = io.BytesIO()
    Image.new("RGB", (50, 40), "red").save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_it_is_stored_once_and_stays(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "a.jpg", photo())
    assert statuses(run()) == {"a.jpg": "indexed"}
    (row,) = parts.store.saved.values()
    assert row.item.caption == "Crossing the bay"
    assert row.item.metadata == {
        "camera_model": "One",
        "taken": "2024-05-06T07:08:09",
        "caption_origin": "embedded",
    }
    assert row.item.taken_at == 1714979289
    assert row.caption_vector is not None
    assert statuses(run()) == {"a.jpg": "unchanged"}


def test_a_sidecar_counts_before_it(parts: FakeParts, photos: Path, run: Run) -> None:
    save(photos / "a.jpg", photo())
    save(photos / "a.json", '{"caption": "mine", "camera_model": "Two", "tags": ["x"]}')
    run()
    (row,) = parts.store.saved.values()
    assert (row.item.caption, row.item.tags) == ("mine", ("x",))
    assert row.item.metadata == {
        "camera_model": "Two",
        "taken": "2024-05-06T07:08:09",
        "caption_origin": "sidecar",
        "tags_origin": "sidecar",
    }


def test_it_can_be_switched_off(parts: FakeParts, photos: Path, run: Run) -> None:
    parts.settings = parts.settings.model_copy(update={"file_metadata": False})
    save(photos / "a.jpg", photo())
    run()
    (row,) = parts.store.saved.values()
    assert (row.item.caption, row.item.metadata, row.item.taken_at) == ("", {}, 0)


def test_ingestion_makes_a_thumbnail(parts: FakeParts, photos: Path, run: Run) -> None:
    parts.settings = parts.settings.model_copy(update={"thumbnail": 20})
    save(photos / "a.jpg", photo())
    run()
    (row,) = parts.store.saved.values()
    pixels = working(photo(), max_pixels=10_000).pixels
    assert parts.blobs.thumbnail(row.item.content_hash) == thumbnail(pixels, 20)
