"""Each protocol stores and asks what its name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import InvalidInput
from rag.evaluation.datasets import Photo
from rag.evaluation.protocols import Protocol, plan

PHOTOS = (
    Photo(Path("a"), 1, ("a1", "a2", "a3"), ("crane",)),
    Photo(Path("b"), 2, ("b1",), ("dog", "crane")),
    Photo(Path("c"), 3),
)


def test_image_only_asks_every_caption_of_photos_without_text() -> None:
    made = plan(PHOTOS, "image-only")
    assert made.stored == ("", "", "")
    assert list(zip(made.queries, made.relevant, strict=True)) == [
        ("a1", (0,)), ("a2", (0,)), ("a3", (0,)), ("b1", (1,)),
    ]  # fmt: skip


def test_captioned_stores_the_first_caption_and_asks_the_others() -> None:
    made = plan(PHOTOS, "captioned")
    assert made.stored == ("a1", "b1", "")
    assert list(zip(made.queries, made.relevant, strict=True)) == [("a2", (0,)), ("a3", (0,))]


def test_labels_asks_each_label_once_and_all_its_photos_are_right() -> None:
    made = plan(PHOTOS, "labels")
    assert made.stored == ("", "", "")
    assert dict(zip(made.queries, made.relevant, strict=True)) == {
        "a photo of a crane": (0, 1),
        "a photo of a dog": (1,),
    }


@pytest.mark.parametrize("protocol", ["image-only", "captioned", "labels"])
def test_nothing_to_ask_is_an_error_that_names_the_protocol(protocol: Protocol) -> None:
    with pytest.raises(InvalidInput, match=protocol):
        plan(PHOTOS[2:], protocol)
