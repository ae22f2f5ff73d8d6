"""Labels learned from a few examples, beside the same labels by their words alone.

    python -m benchmarks.few_shot TRAIN DEV [--cache FOLDER] [--held-out]

Both have photos with captions. A label of `few_shot_labels.json`, written before anything was measured, is
there where two captions or more name it, and not there where none does; what one alone names is left out.
Examples are drawn from TRAIN, five times, and measured on DEV; --held-out measures on half of TRAIN instead,
and draws from the other half: that is for choosing. Probabilities are told twice: at even odds, and with the
shares of the labels among photos of TRAIN.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
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
from rag.vision.few_shot.learned import Learned
from rag.vision.few_shot.learning import learn
from rag.vision.zero_shot.odds import Floats, each, logistic, softmax
from rag.vision.zero_shot.prompts import TEMPLATES, Wanted, label_vectors

LABELS: Final = Path(__file__).with_name("few_shot_labels.json")
SHOTS: Final = (2, 5, 10, 20)
SEEDS: Final = range(5)
SEEN: Final = 2_000
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
        taught = Taught(images, named, words, there, known)
        for shots in SHOTS:
            draws = [taught.learned(shots, seed) for seed in SEEDS]
            found = [aurocs(one.logits(there), known) for one, _ in draws]
            tell(f"{shots} examples a label", np.mean(found, axis=0), list(patterns))
            for name, some in (("even odds", [one for one, _ in draws]), ("shares", [s for _, s in draws])):
                print(f"  {name}: {taught.each_for_itself(some)}; {taught.one_of_them(some)}", flush=True)


def of_photos(encoders: CachedEncoders, folder: Path, patterns: list[str]) -> tuple[Matrix, Named]:
    """Vectors of the photos, and how many captions of each name each label."""
    dataset, images = encoders.photos(read_dataset(folder))
    return images, mentions([photo.captions for photo in dataset.photos], patterns)


@dataclass(frozen=True, slots=True)
class Taught:
    """Photos that examples are drawn from, and others with what they show. ``SEEN`` of the first, drawn
    without looking at what they show, tell how common a label is."""

    images: Matrix
    named: Named
    words: Matrix
    there: Matrix
    known: Named

    def learned(self, shots: int, seed: int) -> tuple[Learned, Learned]:
        """From so many examples of each label: at even odds, and with the shares of the labels."""
        rng = np.random.default_rng(seed)
        drawn = [rng.choice(np.flatnonzero(column >= SURE), shots, replace=False) for column in self.named.T]
        used = np.unique(np.concatenate(drawn))
        # A photo drawn for one label may show another, which whoever sorts examples would see.
        examples = {str(n): used[self.named[used, n] >= SURE].tolist() for n in range(len(drawn))}
        seen = self.images[rng.choice(len(self.images), SEEN, replace=False)]
        plain = learn(examples, self.images, self.words)
        return plain, learn(examples, self.images, self.words, seen=seen)

    def each_for_itself(self, draws: Sequence[Learned]) -> str:
        """Pairs of a photo and a label."""
        told = self.known != 1
        sure = np.concatenate([logistic(one.logits(self.there))[told] for one in draws])
        right = np.tile(self.known[told] >= SURE, len(draws))
        return f"each for itself {measured(sure, right)}"

    def one_of_them(self, draws: Sequence[Learned]) -> str:
        """The likeliest of the labels and none, on photos of which it is known that they show at most one."""
        clear = (self.known != 1).all(axis=1) & ((self.known >= SURE).sum(axis=1) <= 1)
        shows = self.known[clear] >= SURE
        truth = np.where(shows.any(axis=1), shows.argmax(axis=1), shows.shape[1])
        sure, right = [], []
        for one in draws:
            logits = one.logits(self.there[clear])
            found = softmax(np.concatenate([logits, np.zeros((len(logits), 1))], axis=1))
            sure.append(found.max(axis=1))
            right.append(found.argmax(axis=1) == truth)
        return f"one of them {measured(np.concatenate(sure), np.concatenate(right))}"


def measured(sure: Floats, right: NDArray[np.bool_]) -> str:
    found = reliability(sure, right)
    wrong = np.clip(np.where(right, sure, 1 - sure), 1e-9, 1)
    loss = -float(np.log(wrong).mean())
    return f"ECE {found.ece:.4f} (said {found.relevance:.3f}, right {found.right:.3f}), log loss {loss:.4f}"


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
