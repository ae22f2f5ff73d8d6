"""Every published form of data set is read: small ones of each, with rows that are bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.errors import InvalidInput
from rag.evaluation.datasets import FORMATS, Dataset, read_dataset
from rag.evaluation.prepared import Options
from rag.evaluation.retrieval import evaluate
from rag.images import as_pillow
from tests.rag.retrieval.conftest import TOY, ToyEncoder


def picture(path: Path, rgb: tuple[int, int, int] = (250, 0, 0)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    as_pillow(np.full((4, 4, 3), rgb, np.uint8)).save(path)


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = value if isinstance(value, list) else [value]
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")


def told(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    return {photo.path.relative_to(dataset.folder).as_posix(): photo.captions for photo in dataset.photos}


def bad(dataset: Dataset) -> list[tuple[int, str]]:
    return [(row.line, row.file) for row in dataset.bad_rows]


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    for split in ("val2017", "train2017"):
        images = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "gone.jpg"}, {"id": 9}, "x"]
        captions = [
            {"image_id": 7, "id": 1, "caption": f"red of {split} "},
            {"image_id": 7, "id": 2, "caption": "red dog"},
            {"image_id": 99, "id": 3, "caption": "of nothing"},
            {"image_id": 7, "caption": None},
        ]
        write(tmp_path / f"annotations/captions_{split}.json", {"images": images, "annotations": captions})
        picture(tmp_path / split / "a.jpg")
    write(tmp_path / "annotations/instances_val2017.json", {})
    return tmp_path


def test_coco(coco: Path) -> None:
    dataset = read_dataset(coco)
    assert told(dataset) == {"val2017/a.jpg": ("red of val2017", "red dog")}
    assert sorted(bad(dataset)) == [(0, ""), (2, "gone.jpg"), (3, ""), (4, ""), (4, "")]
    assert told(read_dataset(coco, split="train2017")) == {"train2017/a.jpg": ("red of train2017", "red dog")}
    with pytest.raises(InvalidInput, match=r"val2017.*--split"):
        read_dataset(coco, split="test2017")


def test_karpathy_splits(tmp_path: Path) -> None:
    def image(name: str, split: str, *texts: str) -> dict[str, Any]:
        return {"filename": name, "split": split, "sentences": [{"raw": text} for text in texts]}

    rows = [
        image("a.jpg", "test", "red", "red dog"),
        image("b.jpg", "train", "blue"),
        {**image("c.jpg", "test", "green"), "filepath": "val2014"},
        image("gone.jpg", "test", "x"),
        {"split": "test"},
        image("../a.jpg", "test", "x"),
    ]
    write(tmp_path / "dataset_flickr8k.json", {"images": rows, "dataset": "flickr8k"})
    for name in ("images/a.jpg", "images/b.jpg", "val2014/c.jpg"):
        picture(tmp_path / name)
    dataset = read_dataset(tmp_path)
    assert told(dataset) == {"images/a.jpg": ("red", "red dog"), "val2014/c.jpg": ("green",)}
    assert bad(dataset) == [(4, "gone.jpg"), (5, ""), (6, "../a.jpg")]
    assert list(told(read_dataset(tmp_path, split="train"))) == ["images/b.jpg"]
    assert len(told(read_dataset(tmp_path, split="all"))) == 3
    with pytest.raises(InvalidInput, match="test, train"):
        read_dataset(tmp_path, split="val")


@pytest.mark.parametrize(
    ("file", "rows"),
    [
        ("Flickr8k.token.txt", ["a.jpg#0\tred", "a.jpg#1\tred, dog", "gone.jpg#0\tx", "no caption"]),
        ("results_20130124.token", ["a.jpg#0\tred", "a.jpg#1\tred, dog", "gone.jpg#0\tx", "no caption"]),
        ("captions.txt", ["image,caption", "a.jpg,red", 'a.jpg,"red, dog"', "gone.jpg,x", "no caption"]),
        ("captions.txt", ["image,caption", "a.jpg,red", "a.jpg,red, dog", "gone.jpg,x", "no caption"]),
        (
            "results.csv",
            [
                "image_name| comment_number| comment",
                "a.jpg| 0| red",
                "a.jpg| 1| red, dog",
                "gone.jpg| 0| x",
                "n",
            ],
        ),
    ],
)
def test_flickr(tmp_path: Path, file: str, rows: list[str]) -> None:
    write(tmp_path / file, rows)
    picture(tmp_path / "Images/a.jpg")
    dataset = read_dataset(tmp_path)
    assert told(dataset) == {"Images/a.jpg": ("red", "red, dog")}
    last = len(rows)
    assert sorted(bad(dataset)) == [(last - 1, "gone.jpg"), (last, "")]


def test_flickr_by_split(tmp_path: Path) -> None:
    write(tmp_path / "Flickr8k.token.txt", ["a.jpg#0\tred", "b.jpg#0\tblue"])
    write(tmp_path / "Flickr_8k.testImages.txt", ["b.jpg"])
    for name in "ab":
        picture(tmp_path / f"Flicker8k_Dataset/{name}.jpg")
    assert list(told(read_dataset(tmp_path, split="test"))) == ["Flicker8k_Dataset/b.jpg"]
    assert len(told(read_dataset(tmp_path))) == 2
    with pytest.raises(InvalidInput, match="devImages"):
        read_dataset(tmp_path, split="dev")


def test_crossmodal_3600_by_language(tmp_path: Path) -> None:
    rows = [
        {"image/key": "a", "en": {"caption": ["red"]}, "pt": {"caption": ["vermelho", "encarnado"]}},
        {"image/key": "gone", "en": {"caption": ["x"]}},
        {"en": {"caption": ["x"]}},
        "{",
    ]
    write(tmp_path / "captions.jsonl", rows)
    picture(tmp_path / "images/a.jpg")
    dataset = read_dataset(tmp_path)
    assert told(dataset) == {"images/a.jpg": ("red",)}
    assert bad(dataset) == [(2, "gone.jpg"), (3, ""), (4, "")]
    assert told(read_dataset(tmp_path, language="pt")) == {"images/a.jpg": ("vermelho", "encarnado")}
    with pytest.raises(InvalidInput, match="en, pt"):
        read_dataset(tmp_path, language="xx")


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    passages = [
        {"_id": "p1", "title": "Dogs", "text": "a red dog"},
        {"_id": "p2", "title": "", "text": "a cat in the snow"},
        {"_id": "p3", "text": "a blue beach"},
        {"_id": "p4", "title": "", "text": ""},
        {"_id": "p1", "text": "again"},
    ]
    write(tmp_path / "corpus.jsonl", passages)
    queries = [
        {"_id": 1, "text": "dog"},
        {"_id": "2", "text": "cat snow"},
        {"_id": "3", "text": "not judged"},
    ]
    write(tmp_path / "queries.jsonl", queries)
    judged = [
        "query-id\tcorpus-id\tscore",
        "1\tp1\t2",
        "1\tp3\t0",
        "2\tp2\t1",
        "2\tp9\t1",
        "2\tp2",
        "1\tp1\tx",
    ]
    write(tmp_path / "qrels/test.tsv", judged)
    return tmp_path


def test_beir(beir: Path) -> None:
    dataset = read_dataset(beir)
    assert [(one.name, one.text) for one in dataset.passages] == [
        ("p1", "Dogs a red dog"),
        ("p2", "a cat in the snow"),
        ("p3", "a blue beach"),
    ]
    assert [(one.text, dict(one.right)) for one in dataset.questions] == [
        ("dog", {"p1": 2}),
        ("cat snow", {"p2": 1}),
    ]
    assert bad(dataset) == [
        (4, "corpus.jsonl"), (5, "corpus.jsonl"),
        (5, "qrels/test.tsv"), (6, "qrels/test.tsv"), (7, "qrels/test.tsv"),
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match="choose with --split: test"):
        read_dataset(beir, split="dev")


def test_texts_are_found_by_the_text_encoder_and_bm25(beir: Path) -> None:
    toy = ToyEncoder()
    found = evaluate(read_dataset(beir), None, toy, toy, TOY, max_pixels=1, options=Options())
    assert (found.protocol, found.photos, found.texts, found.queries) == ("passages", 0, 3, 2)
    assert list(found.legs) == ["caption", "bm25"]
    assert found.fused["recall@1"] == found.fused["ndcg@10"] == 1
    # Without text encoder: by BM25's words alone.
    words = evaluate(read_dataset(beir), None, toy, toy, TOY, max_pixels=1, options=Options(legs=("bm25",)))
    assert list(words.legs) == ["bm25"]


def test_the_format_can_be_forced_and_what_it_does_not_know_is_refused(beir: Path, tmp_path: Path) -> None:
    write(beir / "captions.jsonl", {"file": "a.png", "captions": ["red"]})
    picture(beir / "a.png")
    assert read_dataset(beir).passages
    assert told(read_dataset(beir, "folder")) == {"a.png": ("red",)}
    with pytest.raises(InvalidInput, match="beir, karpathy"):
        read_dataset(beir, "parquet")
    with pytest.raises(InvalidInput, match="--language"):
        read_dataset(beir, language="pt")
    with pytest.raises(InvalidInput, match="--split"):
        read_dataset(beir, "folder", split="test")
    with pytest.raises(InvalidInput, match="COCO captions"):
        read_dataset(tmp_path, "coco")


def test_a_folder_of_no_known_form_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_dataset(tmp_path)
    assert all(f"({name})" in str(refused.value) for name in FORMATS)
