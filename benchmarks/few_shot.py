"""Labels learned from a few examples, beside the same labels by their words alone.

    python -m benchmarks.few_shot TRAIN DEV [--cache FOLDER] [--held-out]

Both have photos with captions. A label of `few_shot_labels.json`, written before anything was measured, is
there where two captions or more name it, and not there where none does; what one alone names is left out.
Examples are drawn from TRAIN, five times, and measured on DEV; --held-out measures on half of TRAIN instead,
and draws from the other half: that is for choosing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.cached_encoders import CachedEncoders
from benchmarks.zero_shot import SURE, mentions
from rag.build import build
from rag.evaluation.datasets import read_dataset
from rag.evaluation.reliability import auroc, reliability
from rag.settings import load_settings
from rag.types import LabelCalibration, Matrix
from rag.vision.few_shot.learning import learn
from rag.vision.zero_shot.odds import Floats, each
from rag.vision.zero_shot.prompts import TEMPLATES, Wanted, label_vectors

LABELS: Final = Path(__file__).with_name("few_shot_labels.json")
SHOTS: Final = (2, 5, 10, 20)
SEEDS: Final = range(5)
Named = NDArray[np.intp]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("train", type=Path, metavar="TRAIN")
    parser.add_argument("dev", type=Path, metavar="DEV")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    parser.add_argument("--held-out", action="store_true", help="measure on half of TRAIN")
    given = parser.parse_args()
    patterns = json.loads(LABELS.read_text("utf-8"))
    with build(load_settings()) as olhar:
        encoders = CachedEncoders.of(olhar, given.cache)
        images, named = of_photos(encoders, given.train, list(patterns.values()))
        if given.held_out:
            order = np.random.default_rng(0).permutation(len(images))
            half = len(order) // 2
            there, known = images[order[half:]], named[order[half:]]
            images, named = images[order[:half]], named[order[:half]]
        else:
            there, known = of_photos(encoders, given.dev, list(patterns.values()))
        words = label_vectors(encoders.images, [Wanted(name) for name in patterns], TEMPLATES["en"])
        cosines = (there @ words.T).astype(np.float64)
        tell("words alone", aurocs(cosines, known), list(patterns))
        if olhar.label_calibration is not None:
            multi(cosines, known, olhar.label_calibration)
        for shots in SHOTS:
            found = [of_examples(images, named, words, there, known, shots, seed) for seed in SEEDS]
            tell(f"{shots} examples a label", np.mean(found, axis=0), list(patterns))


def of_photos(encoders: CachedEncoders, folder: Path, patterns: list[str]) -> tuple[Matrix, Named]:
    """Vectors of the photos, and how many captions of each name each label."""
    dataset, images = encoders.photos(read_dataset(folder))
    return images, mentions([photo.captions for photo in dataset.photos], patterns)


def of_examples(
    images: Matrix, named: Named, words: Matrix, there: Matrix, known: Named, shots: int, seed: int
) -> Floats:
    """The AUROC of each label, learned from so many examples of each."""
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(np.flatnonzero(column >= SURE), shots, replace=False) for column in named.T]
    used = np.unique(np.concatenate(drawn))
    # A photo drawn for one label may show another, which whoever sorts examples would see.
    examples = {str(n): used[named[used, n] >= SURE].tolist() for n in range(len(drawn))}
    return aurocs(learn(examples, images, words).logits(there), known)


def aurocs(scores: Floats, known: Named) -> Floats:
    found = []
    for column, count in zip(scores.T, known.T, strict=True):
        told = count != 1
        found.append(auroc(column[told], count[told] >= SURE) or 0.0)
    return np.array(found)


def multi(cosines: Floats, known: Named, calibration: LabelCalibration) -> None:
    told = known != 1
    found = reliability(each(cosines[told], calibration), known[told] >= SURE)
    print(f"each for itself by words: ECE {found.ece:.4f} at a share of {found.right:.3f}", flush=True)


def tell(name: str, found: Floats, labels: list[str]) -> None:
    each_one = ", ".join(f"{label} {value:.3f}" for label, value in zip(labels, found, strict=True))
    print(f"{name}: mean AUROC {found.mean():.3f} ({each_one})", flush=True)


if __name__ == "__main__":
    main()
