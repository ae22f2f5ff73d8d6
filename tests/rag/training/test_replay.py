"""Pairs of another data set stand among one's own, about as many of each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rag.training.datasets import BadRow, Photo, Photos
from rag.training.replay import pairs_with_replay, photos_with_replay, repeats
from rag.training.trainer import Pairs


def pairs(photos: int, captions: int, start: float) -> Pairs:
    image = (start + torch.arange(photos))[None, :, None].repeat(2, 1, 3)
    owners = torch.arange(photos).repeat_interleave(captions)
    return Pairs(image, image[0][owners][:, :2], owners, core=2)


@pytest.mark.parametrize(("own", "others", "expected"), [(10, 95, 10), (10, 10, 1), (100, 10, 1)])
def test_ones_own_captions_come_as_often_as_makes_about_half(own: int, others: int, expected: int) -> None:
    assert repeats(own, others) == expected


def test_every_caption_keeps_its_photo() -> None:
    both = pairs_with_replay(pairs(2, 2, 0.0), pairs(6, 2, 100.0))
    assert both.image.shape == (2, 8, 3)
    assert len(both.owners) == 3 * 4 + 12
    assert torch.equal(both.image[0][both.owners][:, 0], both.text[:, 0])
    assert (both.text[:, 0] < 100).sum() == (both.text[:, 0] >= 100).sum()
    assert both.core == 2


def test_photos_are_put_together_in_the_same_way() -> None:
    own = Photos("own", (Photo(Path("a"), ("x", "y")),), (BadRow("1", "no"),))
    others = Photos("others", tuple(Photo(Path(name), ("z",)) for name in "bcdef"), (BadRow("2", "no"),))
    both = photos_with_replay(own, others)
    assert both.photos[0].captions == ("x", "y") * 2
    assert both.photos[1:] == others.photos
    assert [row.where for row in both.bad] == ["1", "2"]
    assert both.source == "own"
