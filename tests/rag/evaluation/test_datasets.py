"""What is usable is read, what is not is listed with its line, and nothing is fatal but a missing file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import InvalidInput
from rag.evaluation.datasets import read_dataset
from tests.rag.evaluation.conftest import MakeDataset


def test_photos_come_in_order_with_their_captions_and_labels(make_dataset: MakeDataset) -> None:
    folder = make_dataset(
        {"file": "b.png", "captions": [" one ", "", "two"], "labels": ["x"], "other": 1, "rgb": 1},
        "",
        {"file": "a.png", "rgb": 2},
    )
    dataset = read_dataset(folder)
    assert [(p.path.name, p.line, p.captions, p.labels) for p in dataset.photos] == [
        ("b.png", 1, ("one", "two"), ("x",)),
        ("a.png", 3, (), ()),
    ]
    assert dataset.bad_rows == ()


def test_bad_rows_are_listed_with_their_line_and_hurt_no_other(make_dataset: MakeDataset) -> None:
    folder = make_dataset(
        "{not json",
        "[]",
        {"captions": ["no file"]},
        {"file": "../out.png"},
        {"file": "gone.png"},
        {"file": "a.png", "captions": [1], "rgb": 1},
        {"file": "a.png", "captions": ["good"]},
        {"file": "./a.png", "captions": ["again"]},
    )
    dataset = read_dataset(folder)
    assert [photo.captions for photo in dataset.photos] == [("good",)]
    assert [(row.line, row.file) for row in dataset.bad_rows] == [
        (1, ""), (2, ""), (3, ""), (4, ""), (5, "gone.png"), (6, "a.png"), (8, "a.png"),
    ]  # fmt: skip
    assert "line 7" in dataset.bad_rows[-1].reason
    assert all(row.reason for row in dataset.bad_rows)


def test_a_folder_without_captions_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"captions\.jsonl"):
        read_dataset(tmp_path)
