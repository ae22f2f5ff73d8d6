"""A batch holds each photo once, and every caption of it is a positive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rag.encoders.batching import Batches
from rag.training.datasets import read_photos
from rag.training.dual import Dual
from rag.training.finetune import decodable
from rag.training.pairs import PhotoPairs, Tower


@pytest.fixture
def make_pairs(make_dual: Callable[[], Dual], colours: Path) -> Callable[[Tower | None], PhotoPairs]:
    dual = make_dual()
    batches = Batches(8, model="m", setting="MODEL")
    return lambda frozen: PhotoPairs(dual, decodable(read_photos(colours)), batches, frozen=frozen)


def test_captions_of_one_photo_are_all_positives(make_pairs: Callable[[None], PhotoPairs]) -> None:
    batch = make_pairs(None).prepare(torch.tensor([6, 1, 0, 7, 30]), 2)  # of photos 3, 0, 0, 3 and 15
    assert batch.positives.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
    assert [len(chunk["pixel_values"]) for chunk in batch.image.chunks] == [2, 1]
    assert [len(chunk["input_ids"]) for chunk in batch.text.chunks] == [2, 2, 1]


@pytest.mark.parametrize("tower", ["image", "text"])
def test_a_frozen_towers_vectors_are_those_it_makes(
    make_pairs: Callable[[Tower | None], PhotoPairs], tower: Tower
) -> None:
    chosen = torch.tensor([3, 31, 2])
    kept, made = (getattr(make_pairs(frozen).prepare(chosen, 2), tower) for frozen in (tower, None))
    assert kept.frozen
    assert not made.frozen
    rows = [torch.cat([side.encode(chunk) for chunk in side.chunks]).detach() for side in (kept, made)]
    torch.testing.assert_close(*rows)


def test_recall_is_that_of_the_model_without_its_dropout(make_pairs: Callable[[None], PhotoPairs]) -> None:
    pairs = make_pairs(None)
    found = pairs.recall()
    assert found == pairs.recall()
    assert list(found) == ["recall@1", "recall@5", "recall@10"]


def test_the_digest_hangs_on_photos_and_captions(
    make_dual: Callable[[], Dual], colours: Path, tmp_path: Path
) -> None:
    dual, batches = make_dual(), Batches(8, model="m", setting="MODEL")
    photos = decodable(read_photos(colours))
    table = tmp_path / "other.csv"
    table.write_text(f"path,caption\n{photos.photos[0].path},other\n")
    digests = {PhotoPairs(dual, some, batches).digest() for some in (photos, photos, read_photos(table))}
    assert len(digests) == 2
