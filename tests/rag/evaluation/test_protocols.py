"""Each protocol stores and asks what its name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import InvalidInput
from rag.evaluation.datasets import Dataset, Passage, Photo, Question
from rag.evaluation.protocols import Protocol, fitting, plan, sampled, without_captions

PHOTOS = (
    Photo(Path("a"), 1, ("a1", "a2", "a3"), ("crane",)),
    Photo(Path("b"), 2, ("b1",), ("dog", "crane")),
    Photo(Path("c"), 3),
)
SET = Dataset(Path(), PHOTOS)
TEXTS = Dataset(
    Path("texts"),
    passages=(Passage("p", "one"), Passage("q", "two"), Passage("r", "three")),
    questions=(Question("?", {"r": 2, "p": 1}), Question("??", {"q": 1})),
)


def test_image_only_asks_every_caption_of_photos_without_text() -> None:
    made = plan(SET, "image-only")
    assert made.stored == ("", "", "")
    assert list(zip(made.queries, made.relevant, strict=True)) == [
        ("a1", (0,)), ("a2", (0,)), ("a3", (0,)), ("b1", (1,)),
    ]  # fmt: skip


def test_captioned_stores_the_first_caption_and_asks_the_others() -> None:
    made = plan(SET, "captioned")
    assert made.stored == ("a1", "b1", "")
    assert list(zip(made.queries, made.relevant, strict=True)) == [("a2", (0,)), ("a3", (0,))]


def test_labels_asks_each_label_once_and_all_its_photos_are_right() -> None:
    made = plan(SET, "labels")
    assert made.stored == ("", "", "")
    assert dict(zip(made.queries, made.relevant, strict=True)) == {
        "a photo of a crane": (0, 1),
        "a photo of a dog": (1,),
    }


@pytest.mark.parametrize("protocol", ["image-only", "captioned", "labels", "passages"])
def test_nothing_to_ask_is_an_error_that_names_the_protocol(protocol: Protocol) -> None:
    with pytest.raises(InvalidInput, match=protocol):
        plan(Dataset(Path(), PHOTOS[2:]), protocol)


def test_passages_are_stored_and_their_questions_asked() -> None:
    made = plan(TEXTS, "passages")
    assert made.stored == ("one", "two", "three")
    assert (made.queries, made.relevant, made.grades) == (("?", "??"), ((2, 0), (1,)), ((2, 1), (1,)))


def test_a_protocol_that_does_not_fit_is_refused_and_without_one_there_is_a_default() -> None:
    assert (fitting(SET, None), fitting(SET, "labels"), fitting(TEXTS, None)) == (
        "image-only",
        "labels",
        "passages",
    )
    for dataset, protocol in ((SET, "passages"), (TEXTS, "captioned")):
        with pytest.raises(InvalidInput, match="passages"):
            fitting(dataset, protocol)  # type: ignore[arg-type]  # a literal


def test_queries_about_one_photo_are_a_cluster() -> None:
    assert plan(SET, "image-only").clusters == (0, 0, 0, 1)
    assert plan(SET, "labels").clusters == (0, 1)


def test_a_share_of_the_captions_is_dropped_always_the_same() -> None:
    many = Dataset(Path(), tuple(Photo(Path(f"{n}"), n, ("stored", "asked")) for n in range(40)))
    whole = plan(many, "captioned")
    half = without_captions(whole, 0.5, seed=1)
    assert sum(bool(text) for text in half.stored) == 20
    assert half == without_captions(whole, 0.5, seed=1)
    assert half != without_captions(whole, 0.5, seed=2)
    assert half.queries == whole.queries
    with pytest.raises(InvalidInput, match="captioned"):
        without_captions(plan(SET, "image-only"), 0.5, seed=1)


def test_a_sample_keeps_what_belongs_together() -> None:
    made = plan(TEXTS, "passages")
    one = sampled(made, 1, seed=0)
    at = made.queries.index(one.queries[0])
    assert (one.relevant, one.grades, one.clusters) == (
        (made.relevant[at],),
        (made.grades[at],),
        (made.clusters[at],),
    )
    assert sampled(made, 2, seed=0) == made
