"""Walking finds every file once, with its description, and says what it leaves out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.descriptions import Description
from ingest.sources import SourceFile, walk
from rag.errors import InvalidInput
from tests.ingest.conftest import picture, save


def found(*paths: Path, skip: Path | None = None) -> dict[str, Description]:
    """Descriptions of the files that were found and can be tried, by name."""
    return {Path(f.source).name: f.description for f in walk(paths, skip=skip) if not f.refused}


def refused(*paths: Path) -> dict[str, tuple[str, str]]:
    receipts = [file.refused for file in walk(paths) if file.refused]
    return {Path(r.source).name: (r.status, r.reason) for r in receipts}


def captions(folder: Path, *lines: object) -> Path:
    return save(folder / "captions.jsonl", "\n".join(map(json.dumps, lines)))


def test_folders_are_walked_in_a_fixed_order(photos: Path) -> None:
    for name in ("b/2.jpg", "a/3.png", "z.JPG", "b/1.heic", "a.jpg"):
        save(photos / name, b"x")
    names = [os.path.relpath(file.source, photos) for file in walk([photos])]
    assert names == ["a.jpg", "z.JPG", "a/3.png", "b/1.heic", "b/2.jpg"]
    assert names == [os.path.relpath(file.source, photos) for file in walk([photos])]


def test_a_source_is_an_absolute_path_that_can_be_read(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(photos / "a.jpg", b"bytes")
    monkeypatch.chdir(photos)
    (file,) = walk([Path("../photos/./a.jpg")])
    assert file.source == str(photos / "a.jpg")
    assert file.read() == b"bytes"
    assert file.replaces
    (same,) = walk([Path(".")])
    assert same.source == file.source


def test_each_file_comes_once(photos: Path) -> None:
    path = save(photos / "a.jpg", b"x")
    assert len(list(walk([path, photos, photos, path]))) == 1


def test_hidden_files_and_the_data_folder_are_left_out(photos: Path) -> None:
    for name in ("a.jpg", ".b.jpg", ".thumbs/c.jpg", "data/originals/d.jpg"):
        save(photos / name, b"x")
    assert set(found(photos, skip=photos / "data")) == {"a.jpg"}
    assert set(found(photos / ".b.jpg")) == {".b.jpg"}


def test_a_path_that_is_not_there_is_refused_before_anything_else(photos: Path) -> None:
    save(photos / "a.jpg", b"x")
    with pytest.raises(InvalidInput, match="nowhere is not there"):
        walk([photos, photos / "nowhere"])


def test_loops_of_links_are_harmless(photos: Path) -> None:
    save(photos / "a" / "x.jpg", b"x")
    (photos / "a" / "self").symlink_to(photos / "a")
    (photos / "a" / "up").symlink_to(photos)
    (photos / "a" / "top").symlink_to("/")
    (photos / "b").symlink_to(photos / "a")
    assert [os.path.relpath(file.source, photos) for file in walk([photos])] == ["a/x.jpg"]


def test_links_that_lead_elsewhere_are_followed(photos: Path, tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "x.jpg", b"x")
    (photos / "link").symlink_to(tmp_path / "elsewhere")
    (photos / "y.jpg").symlink_to(tmp_path / "elsewhere" / "x.jpg")
    (tmp_path / "elsewhere" / "back").symlink_to(photos)
    names = [os.path.relpath(file.source, photos) for file in walk([photos])]
    assert names == ["y.jpg", "link/x.jpg"]


def test_what_is_no_picture_is_said(photos: Path) -> None:
    save(photos / "notes.xyz", "notes")
    save(photos / "film.wmv", b"x")
    (photos / "gone.jpg").symlink_to(photos / "nowhere")
    os.mkfifo(photos / "pipe.jpg")
    assert {name: status for name, (status, _) in refused(photos).items()} == {
        "notes.xyz": "quarantined",
        "film.wmv": "quarantined",
        "gone.jpg": "failed",
        "pipe.jpg": "quarantined",
    }
    assert "document" in refused(photos)["notes.xyz"][1]
    for file in walk([photos]):
        with pytest.raises(InvalidInput):
            file.read()


def test_a_file_that_is_named_is_tried_whatever_its_name(photos: Path) -> None:
    assert set(found(save(photos / "picture.bin", b"x"))) == {"picture.bin"}


def test_a_folder_that_cannot_be_read_is_said(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by its mode: root may read every folder."""
    save(photos / "closed" / "a.jpg", b"x")
    save(photos / "open" / "b.jpg", b"x")
    scandir = os.scandir

    def closed(path: Path) -> Iterator[os.DirEntry[str]]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert refused(photos) == {"closed": ("failed", "cannot be read: Permission denied")}
    assert set(found(photos)) == {"b.jpg"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.txt", "from the sidecar"),
        ("photo.jpg.txt", "from the sidecar"),
        ("photo.TXT", "from the sidecar"),
        ("photo.json", '{"caption": "from the sidecar"}'),
        ("photo.jpg.json", '{"captions": ["from the sidecar"]}'),
        ("captions.jsonl", '{"file": "photo.jpg", "captions": ["from the sidecar"]}'),
        ("../captions.jsonl", '{"file": "photos/photo.jpg", "captions": ["from the sidecar"]}'),
    ],
)
def test_a_sidecar_describes_and_is_no_item(photos: Path, name: str, content: str) -> None:
    save(photos / "photo.jpg", b"x")
    save(photos / name, content)
    root = photos.parent if name.startswith("..") else photos
    assert found(root) == {"photo.jpg": Description("from the sidecar")}
    assert not refused(root)
    if root == photos:
        assert found(photos / "photo.jpg") == {"photo.jpg": Description("from the sidecar")}
        assert found(*photos.iterdir()) == {"photo.jpg": Description("from the sidecar")}
        assert not refused(*photos.iterdir())


def test_json_counts_before_text_before_captions_and_near_before_far(photos: Path) -> None:
    save(photos / "a" / "photo.jpg", b"x")
    captions(photos, {"file": "a/photo.jpg", "caption": "far", "labels": ["far"], "n": 1})
    assert found(photos)["photo.jpg"].caption == "far"
    captions(photos / "a", {"file": "photo.jpg", "caption": "near"})
    assert found(photos)["photo.jpg"].caption == "near"
    save(photos / "a" / "photo.txt", "text")
    assert found(photos)["photo.jpg"].caption == "text"
    save(photos / "a" / "photo.jpg.txt", "text of its own")
    assert found(photos)["photo.jpg"].caption == "text of its own"
    save(photos / "a" / "photo.json", '{"caption": "json", "n": 2}')
    assert found(photos)["photo.jpg"] == Description("json", (), ("far",), {"n": 2})


def test_captions_above_the_walked_folder_do_not_count(photos: Path) -> None:
    save(photos / "a" / "photo.jpg", b"x")
    table = captions(photos, {"file": "a/photo.jpg", "caption": "above"})
    assert found(photos / "a") == {"photo.jpg": Description()}
    assert found(photos / "a", table) == {"photo.jpg": Description("above")}


def test_a_sidecar_by_itself_is_refused(photos: Path) -> None:
    save(photos / "photo.jpg", b"x")
    table = captions(photos, {"file": "photo.jpg", "caption": "x"})
    text = save(photos / "photo.txt", "x")
    for path in (table, text):
        assert refused(path)[path.name][0] == "quarantined"


def test_what_is_wrong_in_a_sidecar_is_seen_and_hurts_no_picture(photos: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        save(photos / name, b"x")
    save(photos / "captions.jsonl", '{"file": "a.jpg", "caption": "A"}\nbroken\n{"file": "no.jpg"}\n')
    save(photos / "b.json", "[]")
    save(photos / "c.txt", b"\xff\xfe\xff")
    assert {name: status for name, (status, _) in refused(photos).items()} == {
        "captions.jsonl:2": "failed",
        "captions.jsonl:3": "failed",
        "b.json": "failed",
        "c.txt": "failed",
    }
    assert found(photos) == {"a.jpg": Description("A"), "b.jpg": Description(), "c.jpg": Description()}


def test_one_named_file_is_not_blamed_for_the_others_of_its_captions(photos: Path) -> None:
    save(photos / "a.jpg", b"x")
    captions(photos, {"file": "a.jpg", "caption": "A"}, {"file": "gone.jpg", "caption": "B"})
    assert not refused(photos / "a.jpg")
    assert set(refused(photos)) == {"captions.jsonl:2"}


def test_a_name_that_is_no_utf8_can_be_shown_and_read(photos: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.jpg"))
    save(path, b"bytes")
    (file,) = walk([photos])
    assert file.source == f"{photos}/caf\\xe9.jpg"
    assert file.read() == b"bytes"


def test_of_makes_the_same_file_as_walking(photos: Path) -> None:
    path = save(photos / "a.png", picture(1))
    (walked,) = walk([path])
    made = SourceFile.of(path)
    assert (made.source, made.path, made.replaces) == (walked.source, walked.path, walked.replaces)
    assert SourceFile.of(path, Description("x")).description == Description("x")
