"""Data sets are read row by row; bad rows are listed, not fatal."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import BadImage, InvalidInput
from rag.training.datasets import Photo, load, read_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"not looked at here")
    return tmp_path


def test_a_folder_with_captions(folder: Path) -> None:
    (folder / "captions.jsonl").write_text(
        '{"file": "a.jpg", "captions": ["one", " two ", ""]}\n'
        "oops\n"
        '{"file": "gone.jpg", "captions": ["x"]}\n'
        '{"file": "b.jpg", "captions": []}\n'
        "[]\n",
        "utf-8",
    )
    found = read_photos(folder)
    assert found.photos == (Photo(folder / "a.jpg", ("one", "two")),)
    assert [row.where for row in found.bad] == [f"captions.jsonl:{n}" for n in (2, 3, 4, 5)]
    assert "gone.jpg is not there" in found.bad[1].reason


def test_a_csv_of_path_and_caption_where_rows_of_one_path_are_one_photo(folder: Path) -> None:
    (folder / "x.csv").write_text("path,caption\nb.jpg,first\na.jpg,\nb.jpg,second\n", "utf-8")
    found = read_photos(folder / "x.csv")
    assert found.photos == (Photo(folder / "b.jpg", ("first", "second")),)
    assert [(row.where, row.reason) for row in found.bad] == [("x.csv:3", "no caption")]
    assert found.captions == ["first", "second"]
    assert found.owners == [0, 0]


def test_nothing_usable_is_refused_with_the_reason(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"captions\.jsonl"):
        read_photos(folder)
    (folder / "x.csv").write_text("path,text\na.jpg,b\n", "utf-8")
    with pytest.raises(InvalidInput, match="path and caption"):
        read_photos(folder / "x.csv")
    (folder / "x.csv").write_text("path,caption\n", "utf-8")
    with pytest.raises(InvalidInput, match="no usable row"):
        read_photos(folder / "x.csv")


def test_an_undecodable_picture_is_a_bad_image(folder: Path) -> None:
    with pytest.raises(BadImage):
        load(Photo(folder / "a.jpg", ("x",)))


def test_whose_a_photo_is_stands_in_a_column_or_in_the_metadata(folder: Path) -> None:
    (folder / "captions.jsonl").write_text(
        '{"file": "a.jpg", "captions": ["one"], "who": "x"}\n'
        '{"file": "b.jpg", "captions": ["two"], "metadata": {"who": 7}}\n',
        "utf-8",
    )
    assert [photo.group for photo in read_photos(folder, "who").photos] == ["x", "7"]
    assert [photo.group for photo in read_photos(folder).photos] == ["", ""]
    (folder / "x.csv").write_text("path,caption,who\nb.jpg,first,y\na.jpg,second,\n", "utf-8")
    assert [photo.group for photo in read_photos(folder / "x.csv", "who").photos] == ["y", ""]
