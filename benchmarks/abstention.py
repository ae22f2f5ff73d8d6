"""Whether relevance tells what is there from what is not, and whether it is the probability it says it is.

    python -m benchmarks.abstention OBJECTS DEV [--cache FOLDER] [--check]

OBJECTS has photos with one label each, DEV photos with five captions each; both have a `captions.jsonl`. The
questions of `absent_questions.jsonl` are about things that no photo of DEV shows; --check asks those kept
aside instead of those for choosing. Scores and weights are those of a search, with every item a candidate.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.cached_encoders import CachedEncoders
from rag.build import Olhar, build
from rag.evaluation.calibrating import Captioned, Questions, calibrate, questions_of
from rag.evaluation.datasets import Dataset, read_dataset
from rag.evaluation.measures import Floats
from rag.evaluation.prepared import Options, Prepared, prepare
from rag.evaluation.protocols import plan
from rag.evaluation.rankings import blocks
from rag.evaluation.reliability import auroc, reliability
from rag.evaluation.scoring import Gallery
from rag.retrieval.calibration import first_hits as hits_of_half
from rag.retrieval.fusion import LegScores, calibrated, relevance_of
from rag.retrieval.insight import Insight
from rag.settings import load_settings
from rag.types import Calibration

ABSENT: Final = Path(__file__).with_name("absent_questions.jsonl")
SEEDS: Final = range(11)
"""Halves of OBJECTS; the AUROC of one differs from that of another by .01 and more."""
REFUSED: Final = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("objects", type=Path, metavar="OBJECTS")
    parser.add_argument("dev", type=Path, metavar="DEV")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    parser.add_argument("--check", action="store_true", help="the questions kept aside")
    given = parser.parse_args()
    with build(load_settings()) as olhar:
        encoders = CachedEncoders.of(olhar, given.cache)
        weights = olhar.row_calibration
        objects(encoders, read_dataset(given.objects), weights)
        dev = prepare(read_dataset(given.dev), "captioned", encoders, Options())
        absent(encoders, dev, "check" if given.check else "tune", olhar)
        errors(encoders, dev, weights)


def objects(encoders: CachedEncoders, dataset: Dataset, weights: Calibration) -> None:
    """AUROC of the first hit's relevance for labels whose photo is, or is not, in half of the photos."""
    dataset, images = encoders.photos(dataset)
    asked = plan(dataset, "labels")
    vectors = encoders.for_images(asked.queries)
    insight, found = Insight.of(encoders.images, encoders.texts), []
    for seed in SEEDS:
        half = np.random.default_rng(seed).permutation(len(images))[: len(images) // 2]
        there = np.array([bool(np.isin(places, half).any()) for places in asked.relevant])
        gallery = Gallery(images[half], {}, [""] * len(half), insight)
        first, _ = first_hits(gallery.scores(asked.queries, vectors, None), weights)
        found.append(auroc(first, there) or 0.0)
    told = ", ".join(f"{one:.3f}" for one in found)
    print(f"objects, {len(asked.queries)} labels: AUROC {np.mean(found):.3f} ({told})", flush=True)


def absent(encoders: CachedEncoders, dev: Prepared, use: str, olhar: Olhar) -> None:
    """How many absent questions are refused where few true captions are."""
    rows = [json.loads(line) for line in ABSENT.read_text("utf-8").splitlines()]
    questions = [row["question"] for row in rows if row["use"] == use]
    true, _ = of_captions(dev, olhar.row_calibration)
    scores = dev.gallery.scores(questions, encoders.for_images(questions), encoders.for_texts(questions))
    false, _ = first_hits(scores, olhar.row_calibration)
    for name, bound in (("by 5 %", threshold(true, REFUSED)), ("by default", olhar.settings.relevance)):
        print(
            f"absent ({use}, {len(questions)}), {name}, relevance below {bound:.3f}: refused "
            f"{(false < bound).mean():.3f} of the absent, {(true < bound).mean():.3f} of the true captions",
            flush=True,
        )
    both = np.concatenate([true, false])
    print(f"absent ({use}): AUROC {auroc(both, np.arange(len(both)) < len(true)):.3f}", flush=True)


def errors(encoders: CachedEncoders, dev: Prepared, weights: Calibration) -> None:
    """Calibration error as packaged, and fitted on half of the photos and measured on the other."""
    tell("as packaged, all photos", [of_captions(dev, weights)])
    order = np.random.default_rng(0).permutation(len(dev.dataset.photos))
    halves = np.sort(order[::2]), np.sort(order[1::2])
    packaged, fitted, away = [], [], []
    for mine, others in (halves, halves[::-1]):
        photos = _captioned(dev, mine)
        own = calibrate(questions_of(photos, encoders.images, encoders.texts), weights).calibration
        left = questions_of(_captioned(dev, others), encoders.images, encoders.texts, seed=1)
        packaged.append(without_half(left, weights))
        away.append(without_half(left, own))
        first, place = first_hits(left.legs, own)
        fitted.append((first, place == left.right))
    tell("as packaged, other half, half of the right photos taken away", packaged)
    tell("fitted, other half, half of the right photos taken away", away)
    tell("fitted, other half, every right photo there", fitted)


def tell(name: str, parts: Sequence[tuple[Floats, NDArray[np.bool_]]]) -> None:
    relevance, right = (np.concatenate(column) for column in zip(*parts, strict=True))
    found = reliability(relevance, right)
    print(f"ECE {found.ece:.3f}: {name} (said {found.relevance:.3f}, right {found.right:.3f})", flush=True)


def of_captions(dev: Prepared, weights: Calibration) -> tuple[Floats, NDArray[np.bool_]]:
    """The relevance of each query's first hit, and whether it is the right photo."""
    found = [
        first_hits(dev.scores(some), weights) for some in blocks(len(dev.plan.queries), len(dev.plan.stored))
    ]
    first, place = (np.concatenate(column) for column in zip(*found, strict=True))
    return first, place == np.array(dev.plan.clusters)


def first_hits(legs: LegScores, weights: Calibration) -> tuple[Floats, NDArray[np.intp]]:
    """Relevance and place of the first hit of each query."""
    scores = calibrated(legs, weights)
    return relevance_of(scores.max(axis=1), weights), scores.argmax(axis=1)


def without_half(asked: Questions, weights: Calibration) -> tuple[Floats, NDArray[np.bool_]]:
    """As if half of the right photos, drawn at random, were not there."""
    scores, right = hits_of_half(asked.legs, asked.right, weights, np.random.default_rng(1))
    return relevance_of(scores, weights), right


def threshold(relevance: Floats, share: float) -> float:
    """The highest bound below which at most this share lies."""
    return float(np.sort(relevance)[int(share * len(relevance))])


def _captioned(dev: Prepared, chosen: NDArray[np.intp]) -> Captioned:
    assert dev.images is not None
    return Captioned(dev.images[chosen], [dev.dataset.photos[n].captions for n in chosen])


if __name__ == "__main__":
    main()
