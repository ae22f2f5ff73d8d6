"""Which frames are kept."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.videos.records import Sampling
from ingest.videos.shots import SMALL, Sample, Shots, differ, keeper
from rag.images import decode
from rag.types import Pixels


def drawn(seed: int, high: int = 256) -> Pixels:
    blocks = np.random.default_rng(seed).integers(0, high, (8, 8, 3), np.uint8)
    return blocks.repeat(SMALL // 8, 0).repeat(SMALL // 8, 1)


def kept(sampling: Sampling, pictures: list[Pixels]) -> list[float]:
    keeps = keeper(sampling)
    for second, picture in enumerate(pictures):
        if second % keeps.step == 0:
            keeps.take(Sample(float(second), picture, picture))
    return [still.seconds for still in keeps.stills()]


def test_a_shot_ends_where_other_colours_stand_in_other_places() -> None:
    one = drawn(1)
    assert differ(one, drawn(2))
    assert not differ(one, np.roll(one, 2, axis=1))


def test_noise_around_a_level_of_the_histogram_is_no_cut() -> None:
    dark, light = (np.full((SMALL, SMALL, 3), level, np.uint8) for level in (126, 129))
    assert not differ(dark, light)


def test_of_each_shot_the_sharpest_is_kept() -> None:
    sharp, other = drawn(1), drawn(2)
    blurred = ((sharp.astype(int) + np.roll(sharp, 1, 1)) // 2).astype(np.uint8)
    shots = Shots(Sampling())
    for second, picture in enumerate((blurred, sharp, blurred, other)):
        shots.take(Sample(float(second), picture, picture))
    first, last = shots.stills()
    assert (first.seconds, last.seconds) == (1.0, 3.0)
    assert np.array_equal(decode(first.data, max_pixels=10_000), sharp)


def test_of_too_many_shots_those_that_differ_most_are_kept() -> None:
    near = [drawn(1), drawn(2), drawn(1), drawn(2), drawn(1), drawn(3)]
    assert kept(Sampling(3), near) == [0, 1, 5]
    assert len(kept(Sampling(4), [drawn(seed) for seed in range(100)])) == 4


def test_at_even_distances_as_many_as_are_wanted_are_kept() -> None:
    pictures = [drawn(seed) for seed in range(20)]
    assert kept(Sampling(20, "even"), pictures) == [*range(20)]
    assert kept(Sampling(4, "even"), pictures[:4]) == [0, 1, 2, 3]
    assert kept(Sampling(5, "even"), pictures) == [0, 4, 8, 12, 16]
    assert kept(Sampling(1, "even"), pictures) == [0]


@pytest.mark.parametrize("choice", ["even", "scenes"])
def test_frames_of_one_colour_are_left_out_unless_there_is_no_other(choice: str) -> None:
    black = np.zeros((SMALL, SMALL, 3), np.uint8)
    sampling = Sampling(8, "even" if choice == "even" else "scenes")
    assert kept(sampling, [black, drawn(1)]) == [1.0]
    assert kept(sampling, [black, black]) == [0.0]
