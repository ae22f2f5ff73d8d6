"""The page holds everything itself, says everything in words too, and lets nothing of the data set act."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rag.errors import InvalidInput
from rag.evaluation.datasets import read_dataset
from rag.evaluation.prepared import Options
from rag.evaluation.report import check_writable, write_report
from rag.evaluation.retrieval import Evaluation, evaluate
from tests.rag.evaluation.conftest import MakeDataset
from tests.rag.evaluation.test_retrieval import rows
from tests.rag.retrieval.conftest import TOY, ToyEncoder

HOSTILE = "</p><script>alert(1)</script>\"'><img src=x onerror=alert(2)> blue"
VOID = {"meta", "img", "line", "circle", "rect", "polyline", "br"}


class Page(HTMLParser):
    """What a page is made of; ends of elements have to fit."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def evaluated(folder: Path, **options: Any) -> Evaluation:
    toy = ToyEncoder()
    chosen = Options(fusions=("calibrated", "rrf"), **options)
    return evaluate(read_dataset(folder), "captioned", toy, toy, TOY, max_pixels=10**6, options=chosen)


@pytest.fixture
def folder(make_dataset: MakeDataset) -> Path:
    first, *others = rows()
    return make_dataset({**first, "captions": [HOSTILE, "red dog", HOSTILE]}, *others, {"file": "<i>.png"})


def written(evaluation: Evaluation, folder: Path, out: Path) -> str:
    write_report(evaluation, folder, out, title="<b>mine</b>", max_pixels=10**6)
    return out.read_text("utf-8")


def test_the_page_needs_nothing_else(folder: Path, tmp_path: Path) -> None:
    page = Page(written(evaluated(folder), folder, tmp_path / "out.html"))
    for _, attributes in page.elements:
        for key in ("src", "href", "srcset", "data", "action"):
            assert str(attributes.get(key) or "data:image/webp;base64,").startswith("data:image/webp;base64,")
    assert not page.all("link")
    assert not re.search(r"url\(|@import|https?:", (tmp_path / "out.html").read_text("utf-8"))
    assert not list(tmp_path.glob("*.part"))


def test_captions_and_names_that_are_hostile_stay_text(folder: Path, tmp_path: Path) -> None:
    page = Page(written(evaluated(folder), folder, tmp_path / "out.html"))
    assert not page.all("script")
    assert not page.all("i") or all(set(one) <= {"style", "class"} for one in page.all("i"))
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    said = " ".join(page.words)
    assert HOSTILE in said
    assert "<b>mine</b>" in said
    assert "<i>.png" in said


def test_pictures_and_plots_are_told_in_words_and_tables_have_headings(folder: Path, tmp_path: Path) -> None:
    evaluation = evaluated(folder)
    page = Page(written(evaluation, folder, tmp_path / "out.html"))
    assert page.all("img")
    assert all(one["alt"] for one in page.all("img"))
    assert page.all("svg")
    assert all(one["role"] == "img" and one["aria-label"] for one in page.all("svg"))
    assert all(one.get("scope") in {"row", "col"} for one in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"
    said = " ".join(page.words)
    for one in evaluation.rankings:
        for value in one.measures.values():
            assert f"{value.mean:.3f}" in said
    assert all(miss.query in said and miss.wanted.item in said for miss in evaluation.worst)


def test_a_picture_that_is_gone_and_a_data_set_of_texts_have_their_page_too(
    folder: Path, tmp_path: Path
) -> None:
    evaluation = evaluated(folder)
    for photo in folder.glob("*.png"):
        photo.unlink()
    assert not Page(written(evaluation, folder, tmp_path / "out.html")).all("img")
    texts = replace(evaluation, photos=0, comparisons=(), worst=())
    assert "found a right one first" in written(texts, folder, tmp_path / "texts.html")


def test_a_page_that_cannot_be_written_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--report"):
        written(evaluated(folder), folder, tmp_path / "nowhere" / "out.html")


def test_whether_a_page_can_be_written_is_tried_and_leaves_nothing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    check_writable(page)
    assert not list(tmp_path.iterdir())
    page.write_text("of before")
    check_writable(page)
    assert page.read_text() == "of before"
    for bad in (tmp_path, page / "inside.html", tmp_path / "gone" / "page.html"):
        with pytest.raises(InvalidInput, match="--report"):
            check_writable(bad)
