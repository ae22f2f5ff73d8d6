"""Fit what relevance a score of ``compact`` stands for: ``lines`` of its row in ``rag/models.py``.

    olhar train compact --data PHOTOS --out FOLDER --validation .17 --seed 11
    python -m benchmarks.fit_relevance PHOTOS FOLDER [FOLDER ...] [--share .17] [--cache FOLDER]

Each FOLDER has heads that were trained on the rest of PHOTOS, with a seed of its own, so that a thousand
photos are left that they never saw. Of these the first captions are stored and the others ask; the weights
of the row are kept. The flatter line is a logistic regression of the first hit being right among THOUSAND
photos, the right one among them. The steeper one keeps the default OLHAR_RELEVANCE where the score is that
LOST of the true captions have less: what scores less is likelier not there at all. Prints for each folder,
by size, what is said and what is right, and the calibration error with lines fitted to the other folders.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.cached_encoders import CachedEncoders
from benchmarks.fit_calibration import asked_of, held_back, scores
from rag.build import Olhar, build
from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.encoders.compact.heads import FILE
from rag.evaluation.measures import Floats
from rag.evaluation.reliability import reliability
from rag.retrieval.calibration import fit_relevance
from rag.retrieval.fusion import Scores, calibrated
from rag.settings import load_settings

SIZES: Final = (20, 100, 300, 600)
THOUSAND: Final = 1000
LOST: Final = 0.003
STEEP: Final = 2.0
"""The slope of the steeper line."""

First = tuple[Floats, NDArray[np.bool_]]
"""The score of each question's first hit, and whether it is the right one."""
Lines = tuple[tuple[float, float], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("folders", type=Path, metavar="FOLDER", nargs="+")
    parser.add_argument("--share", type=float, default=0.17, help="that was held back (--validation)")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    given = parser.parse_args()
    with build(load_settings()) as olhar:
        least = olhar.settings.relevance
        found = [
            first_hits(given.photos, folder, given.share, olhar, given.cache) for folder in given.folders
        ]
    for n, (folder, one) in enumerate(zip(given.folders, found, strict=True)):
        others = found[:n] + found[n + 1 :] or [one]
        told = reliability(probability(one[0], fitted(others, least)), one[1])
        print(
            f"{folder.name}: ECE {told.ece:.3f} with lines of the others (said {told.relevance:.3f}, "
            f"right {told.right:.3f})"
        )
    print("lines", tuple((round(bias, 2), round(slope, 3)) for bias, slope in fitted(found, least)))


def first_hits(photos: Path, folder: Path, share: float, olhar: Olhar, cache: Path | None) -> First:
    """Of the captions of the photos that the heads in ``folder`` did not see, among THOUSAND of them."""
    tower, heads = TextTower(olhar.models), folder / FILE
    encoders = CachedEncoders(
        CompactEncoder(olhar.models, tower, heads=heads),
        CompactTextEncoder(tower, heads=heads),
        olhar.settings.max_pixels,
        folder=cache,
    )
    seed = json.loads((folder / "report.json").read_text("utf-8"))["recipe"]["seed"]
    held = asked_of(held_back(photos, share, seed), encoders)
    fused = calibrated(scores(held, encoders, captions=True), olhar.row_calibration)
    rng = np.random.default_rng(0)
    for size in SIZES:
        first, right = drawn(fused, held.right, size, rng)
        print(f"{folder.name}, {size} photos: {right.mean():.3f} right, score {first.mean():.2f}")
    return drawn(fused, held.right, THOUSAND, rng)


def fitted(found: Sequence[First], least: float) -> Lines:
    """The steeper and the flatter line; ``least`` is the default OLHAR_RELEVANCE."""
    first, right = (np.concatenate(column) for column in zip(*found, strict=True))
    lost = float(np.quantile(first, LOST))
    return ((math.log(least / (1 - least)) - STEEP * lost, STEEP), fit_relevance(first, right))


def probability(first: Floats, lines: Lines) -> Floats:
    """As ``rag.retrieval.fusion.relevance_of``."""
    return np.asarray(1 / (1 + np.exp(-np.min([bias + slope * first for bias, slope in lines], axis=0))))


def drawn(fused: Scores, right: NDArray[np.intp], size: int, rng: np.random.Generator) -> First:
    """The score of the first of ``size`` photos, and whether it is the right one, which is among them."""
    best, correct = np.empty(len(right)), np.empty(len(right), np.bool_)
    for query, place in enumerate(right):
        others = rng.choice(fused.shape[1], size, replace=False)
        others = np.append(others[others != place][: size - 1], place)
        first = others[fused[query, others].argmax()]
        best[query], correct[query] = fused[query, first], first == place
    return best, correct


if __name__ == "__main__":
    main()
