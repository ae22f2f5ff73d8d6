"""Recall before and after a change of encoder, on rows in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from ingest import recall
from ingest.recall import Change, before, changes
from ingest.reindex import ReindexReport, reindex
from rag.errors import Conflict, InvalidInput, ModelUnavailable
from rag.types import JSON, Fingerprint, Item, Kind, Leg, Matrix, Pixels, Row, Vector
from tests.reads_all import ReadsAll

from .conftest import FakeParts


class Words(ReadsAll):
    """Both encoders: a text's vector depends on its first word, or where it is ``deaf`` on the whole text."""

    logit_scale = 1.0
    languages = ()
    device = "cpu"

    def __init__(self, name: str, dimension: int, *, deaf: bool = False) -> None:
        self.fingerprint = Fingerprint(name, "w", "p", dimension)
        self.deaf = deaf

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return np.stack([self.vector(text if self.deaf else text.split()[0]) for text in texts])

    encode_text_queries = encode_queries

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        return np.stack([self.vector(text.split()[0]) for text in texts])

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        raise NotImplementedError

    encode_image_queries = encode_images

    def vector(self, word: str) -> Vector:
        dimension = self.fingerprint.dimension
        seed = int.from_bytes(word.encode())
        vector = np.random.default_rng([seed % 2**63, dimension]).normal(size=dimension).astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


@dataclass
class Former:
    """The old encoders; ``error`` when they cannot be had."""

    encoder_: Words
    error: Exception | None = None
    asked: int = 0

    @property
    def encoder(self) -> Words:
        self.asked += 1
        if self.error:
            raise self.error
        return self.encoder_

    text_encoder = encoder


@dataclass
class Memory:
    """As ``rag.store.Rebuild``: what is stored, and what is written for it."""

    stored: list[Row]
    old: Fingerprint
    kept: tuple[Leg, ...] = ("caption",)
    written: dict[str, Row] = field(default_factory=dict)
    needed: bool = True
    moved: bool = False

    def keeps(self, leg: Leg) -> bool:
        return leg in self.kept

    def made_by(self, leg: Leg) -> Fingerprint:
        assert leg not in self.kept
        return self.old

    def pages(self, kind: Kind, size: int) -> Iterator[list[tuple[Row, Row | None]]]:
        rows = self.stored if kind == "image" else []
        for start in range(0, len(rows), min(size, 7)):
            yield [(row, self.written.get(row.item.id)) for row in rows[start : start + min(size, 7)]]

    def write(self, rows: Sequence[Row]) -> None:
        self.written.update((row.item.id, row) for row in rows)

    def move(self) -> None:
        self.moved = True


def item(n: int, *, further: bool = False) -> Item:
    metadata: dict[str, JSON] = {"captions": [f"word{n} again"]} if further else {}
    return Item(f"{n:04}", "t", "c", "h", (f"{n}.jpg",), caption=f"word{n} is a caption", metadata=metadata)


def collection(encoder: Words, count: int = 60, *, further: bool = False) -> list[Row]:
    items = [item(n, further=further) for n in range(count)]
    vectors = encoder.encode_documents([one.caption for one in items])
    return [Row(one, vector, vector) for one, vector in zip(items, vectors, strict=True)]


OLD, NEW, DEAF = Words("old", 32), Words("new", 48), Words("deaf", 48, deaf=True)


def compared(new: Words, rows: list[Row] | None = None) -> Change:
    """Recall of the image leg from OLD to another encoder."""
    memory = Memory(collection(OLD), OLD.fingerprint)
    memory.write(collection(new) if rows is None else rows)
    measured, why = before(memory, Former(OLD))
    assert why == ""
    (change,) = changes(measured, memory, new, new)
    return change


def test_an_encoder_that_finds_as_much_is_within_the_budget() -> None:
    change = compared(NEW)
    assert change == Change("image", 1.0, 1.0, 60)
    assert change.within(0)


def test_an_encoder_that_finds_less_is_not() -> None:
    change = compared(DEAF)
    assert change.before == 1.0
    assert change.after < 0.4
    assert not change.within(0.5)
    assert change.within(1.0 - change.after)


def test_an_encoder_that_gives_all_the_same_vector_finds_nothing() -> None:
    same = collection(NEW)[0]
    rows = [replace(row, image_vector=same.image_vector) for row in collection(NEW)]
    assert compared(NEW, rows).after == 0.0


def test_an_item_that_lost_its_vector_is_not_found() -> None:
    rows = collection(NEW)
    rows = [replace(row, image_vector=None) for row in rows[:30]] + rows[30:]
    assert compared(NEW, rows).after == 0.5


def test_a_sample_of_a_large_collection_is_compared_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "MOST", 53)
    assert compared(NEW) == Change("image", 1.0, 1.0, 53)


@pytest.mark.parametrize("count", [0, 49])
def test_without_captions_nothing_is_compared_which_is_said(count: int) -> None:
    bare = [Row(replace(row.item, caption=""), row.image_vector) for row in collection(OLD)[50:]]
    former = Former(OLD)
    measured, why = before(Memory(collection(OLD)[:count] + bare, OLD.fingerprint), former)
    assert measured == []
    assert f"{count} items have a caption, and at least 50 are needed" in why
    assert former.asked == 0


def test_a_text_encoder_is_asked_by_further_captions() -> None:
    memory = Memory(collection(OLD, further=True), OLD.fingerprint, kept=("image",))
    memory.write(collection(DEAF, further=True))
    measured, _ = before(memory, Former(OLD))
    (change,) = changes(measured, memory, DEAF, DEAF)
    assert (change.leg, change.before) == ("caption", 1.0)
    assert change.after < 0.4
    once = Memory(collection(OLD), OLD.fingerprint, kept=("image",))
    assert "0 items have more than one caption" in before(once, Former(OLD))[1]


@pytest.mark.parametrize(
    ("former", "reason"),
    [
        (Former(OLD, ModelUnavailable("the hub is away")), "the hub is away"),
        (Former(OLD, InvalidInput("old was a folder")), "old was a folder"),
        (Former(NEW), r"made by old \(w, p\).*would be new \(w, p\)"),
    ],
)
@pytest.mark.parametrize(("leg", "option"), [("image", "--old-encoder"), ("caption", "--old-text-encoder")])
def test_an_old_encoder_that_cannot_be_had_names_the_remedies(
    former: Former, reason: str, leg: Leg, option: str
) -> None:
    kept: tuple[Leg, ...] = ("caption",) if leg == "image" else ("image",)
    memory = Memory(collection(OLD, further=True), OLD.fingerprint, kept=kept)
    with pytest.raises(Conflict, match=rf"(?s){reason}.*{option}.*--budget 1, or --force"):
        before(memory, former)


class Rebuilding:
    """A change of the text encoder from OLD to ``new``, in a collection whose items have two captions."""

    def __init__(self, folder: Path, new: Words, former: Former) -> None:
        self.memory = Memory(collection(OLD, further=True), OLD.fingerprint, kept=("image",))
        self.parts = FakeParts(folder)
        self.new = new
        self.former = former

    def __call__(self, budget: float = 0.05, *, force: bool = False) -> ReindexReport:
        parts = self.parts
        vars(parts)["fake"] = self.new
        return reindex(parts, self.memory, self.former, budget=budget, force=force)


def test_nothing_moves_when_recall_falls_until_the_budget_or_force_allow_it(tmp_path: Path) -> None:
    rebuilding = Rebuilding(tmp_path, DEAF, Former(OLD))
    report = rebuilding()
    assert (report.state, report.problems, rebuilding.memory.moved) == ("refused", [], False)
    (change,) = report.recall
    assert change.before - change.after > 0.5
    again = rebuilding(budget=0.99)
    assert (again.state, again.kept, again.recall) == ("moved", 60, report.recall)
    forced = Rebuilding(tmp_path, DEAF, Former(OLD))(force=True)
    assert (forced.state, forced.recall) == ("moved", report.recall)


def test_a_budget_of_one_asks_for_no_old_encoder(tmp_path: Path) -> None:
    former = Former(OLD, ModelUnavailable("gone"))
    report = Rebuilding(tmp_path, NEW, former)(budget=1)
    assert (report.state, report.recall, former.asked) == ("moved", [], 0)
    assert "budget of 1" in report.not_compared


def test_forced_it_moves_without_the_old_encoder_and_says_so(tmp_path: Path) -> None:
    former = Former(OLD, ModelUnavailable("gone"))
    rebuilding = Rebuilding(tmp_path, NEW, former)
    with pytest.raises(Conflict):
        rebuilding()
    assert rebuilding.memory.written == {}
    report = rebuilding(force=True)
    assert (report.state, report.recall) == ("moved", [])
    assert "gone" in report.not_compared
