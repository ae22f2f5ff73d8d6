"""Zero-shot labels: how often the likeliest is right, and whether probabilities are what they say.

    python -m benchmarks.zero_shot OBJECTS TRAIN [--cache FOLDER]

OBJECTS has photos with one label each, TRAIN photos with captions; both have a `captions.jsonl`. Temperature
and its spread are fitted on half of OBJECTS and measured on the other half, both ways, for eleven halvings,
and the same without a spread. Slope and bias of labels for themselves are fitted on words of TRAIN's
captions. At the end: the values fitted on everything, which the encoder's row holds rounded.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.cached_encoders import CachedEncoders
from rag.build import build
from rag.evaluation.datasets import Dataset, read_dataset
from rag.evaluation.reliability import reliability
from rag.settings import load_settings
from rag.types import LabelCalibration
from rag.vision.zero_shot.odds import Floats, each, one_of
from rag.vision.zero_shot.prompts import TEMPLATES, Wanted, label_vectors

SEEDS: Final = range(11)
SCALES: Final = 10 * 1.02 ** np.arange(90)
"""From 10 to 58; two of them are a scale, their geometric mean, and its spread."""
NONES: Final = np.linspace(0.1, 0.5, 41)
SIZES: Final = (5, 20, 100, 300)
_WORDS: Final = """
man woman child girl boy grass street tree car water mountain building basketball soccer baseball tennis ball
shirt hat guitar fire food flower fountain playground swing slide bench train bus truck ocean river lake tent
frisbee camera umbrella kite cat bird crowd
"""
WORDS: Final = tuple(_WORDS.split())
SURE: Final = 2
"""So many captions of a photo have to name a thing for it to be there; what one alone names is left out."""
Indices = NDArray[np.intp]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("objects", type=Path, metavar="OBJECTS")
    parser.add_argument("train", type=Path, metavar="TRAIN")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    given = parser.parse_args()
    with build(load_settings()) as olhar:
        encoders = CachedEncoders.of(olhar, given.cache)
        cosines, right = of_objects(encoders, read_dataset(given.objects))
        true = cosines.argmax(axis=1) == right
        print(f"{cosines.shape[1]} labels, {len(cosines)} photos: top-1 {true.mean():.3f}")
        at = likeliest(cosines)
        for name, spread in (("with a spread", True), ("one temperature", False)):
            print(name, halves(at, true, spread=spread), flush=True)
        print(f"ECE of a half whose probabilities were exact: {exact(mean_at(at, fitted(at, true))):.3f}")
        packaged = olhar.label_calibration
        if packaged is not None:
            sure = one_of(cosines, packaged, none=False).max(axis=1)
            tell("packaged, all photos", sure, true)
            print(f"packaged, with none: {open_set(cosines, right, packaged)}")
        low, high = (float(SCALES[place]) for place in fitted(at, true))
        scale, spread = np.sqrt(low * high), np.sqrt(high / low)
        none = fitted_none(cosines, right, scale, spread)
        print(f"fitted on all: scale {scale:.1f}, spread {spread:.2f}, none {none:.3f}", flush=True)
        slope, bias = of_words(encoders, read_dataset(given.train))
        print(f"fitted on the words of captions: slope {slope:.2f}, bias {bias:.2f}")


def of_objects(encoders: CachedEncoders, dataset: Dataset) -> tuple[Floats, Indices]:
    """Cosines of photos and labels, and which label is right."""
    dataset, images = encoders.photos(dataset)
    named = [photo.labels[0] for photo in dataset.photos]
    names = sorted(set(named))
    vectors = label_vectors(encoders.images, [Wanted(name) for name in names], TEMPLATES["en"])
    return (images @ vectors.T).astype(np.float64), np.array([names.index(name) for name in named])


def likeliest(cosines: Floats) -> Floats:
    """The probability of the likeliest label, the same one at all ``SCALES``: shape (scales, photos)."""
    known = [LabelCalibration(scale, 0, 0, 0) for scale in SCALES.tolist()]
    return np.array([one_of(cosines, one, none=False).max(axis=1) for one in known])


def fitted(at: Floats, true: NDArray[np.bool_], *, spread: bool = True) -> tuple[int, int]:
    """The places of the two scales by whose mean what was said of the likeliest label has the least log loss;
    without ``spread`` they are one."""

    def loss(pair: tuple[int, int]) -> float:
        sure = mean_at(at, pair)
        return -float(np.log(np.where(true, sure, 1 - sure) + 1e-12).mean())

    places = range(len(SCALES))
    pairs = [(low, high) for low in places for high in (places[low:] if spread else [low])]
    return min(pairs, key=loss)


def mean_at(at: Floats, pair: tuple[int, int]) -> Floats:
    return np.asarray((at[pair[0]] + at[pair[1]]) / 2)


def open_set(cosines: Floats, right: Indices, known: LabelCalibration, seed: int = 0) -> str:
    """Drawn lists of labels; half of the photos have theirs there, the others none of these."""
    told = []
    for size, trials in drawn(cosines.shape[1], right, seed):
        sure, true = [], []
        for labels, photos in trials:
            found = one_of(cosines[np.ix_(photos, labels)], known, none=True)
            wanted = truth(labels, right[photos])
            sure.append(found.max(axis=1))
            true.append(found.argmax(axis=1) == wanted)
        measured = reliability(np.concatenate(sure), np.concatenate(true))
        told.append(f"{size} labels: right {measured.right:.3f}, ECE {measured.ece:.3f}")
    return "; ".join(told)


def fitted_none(cosines: Floats, right: Indices, scale: float, spread: float) -> float:
    """The cosine of “none of these” with the least log loss over lists of all sizes alike."""
    lists = [trial for _, trials in drawn(cosines.shape[1], right, 1) for trial in trials[:5]]

    def loss(none: float) -> float:
        losses = []
        for labels, photos in lists:
            known = LabelCalibration(scale, none, 0, 0, spread)
            found = one_of(cosines[np.ix_(photos, labels)], known, none=True)
            chosen = found[np.arange(len(photos)), truth(labels, right[photos])]
            losses.append(-float(np.log(chosen + 1e-12).mean()))
        return float(np.mean(losses))

    return least(NONES, loss)


def drawn(labels: int, right: Indices, seed: int) -> list[tuple[int, list[tuple[Indices, Indices]]]]:
    """By size, lists of labels with photos: all that show one, and as many that show none."""
    rng, found = np.random.default_rng(seed), []
    for size in SIZES:
        trials = []
        for _ in range(max(5, 300 // size)):
            chosen = rng.choice(labels, size, replace=False)
            inside = np.isin(right, chosen)
            outside = rng.choice(np.flatnonzero(~inside), int(inside.sum()), replace=False)
            trials.append((chosen, np.concatenate([np.flatnonzero(inside), outside])))
        found.append((size, trials))
    return found


def truth(labels: Indices, right: Indices) -> Indices:
    """The place of the right label in a list; the number of labels when it is none of them."""
    match = labels[None] == right[:, None]
    return np.where(match.any(axis=1), match.argmax(axis=1), len(labels))


def halves(at: Floats, true: NDArray[np.bool_], *, spread: bool) -> str:
    apart, together, losses = [], [], []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(true))
        parts = [order[: len(order) // 2], order[len(order) // 2 :]]
        held = []
        for fit, other in (parts, parts[::-1]):
            pair = fitted(at[:, fit], true[fit], spread=spread)
            held.append((mean_at(at[:, other], pair), true[other]))
            apart.append(reliability(*held[-1]).ece)
        sure, right = (np.concatenate(both) for both in zip(*held, strict=True))
        together.append(reliability(sure, right).ece)
        losses.append(-float(np.log(np.where(right, sure, 1 - sure) + 1e-12).mean()))
    return (
        f"fitted on one half, measured on the other: ECE {np.mean(apart):.3f} of a half "
        f"({min(apart):.3f} to {max(apart):.3f}), {np.mean(together):.3f} of both halves together, log loss "
        f"{np.mean(losses):.4f}"
    )


def exact(sure: Floats) -> float:
    """The ECE of a half if every probability were exact."""
    rng = np.random.default_rng(0)
    noise = []
    for _ in range(50):
        some = rng.choice(sure, len(sure) // 2, replace=False)
        noise.append(reliability(some, rng.random(len(some)) < some).ece)
    return float(np.mean(noise))


def tell(name: str, sure: Floats, true: NDArray[np.bool_]) -> None:
    found = reliability(sure, true)
    print(f"{name}: right {found.right:.3f}, said {found.relevance:.3f}, ECE {found.ece:.3f}")


def of_words(encoders: CachedEncoders, dataset: Dataset) -> tuple[float, float]:
    """Slope and bias of whether a photo's captions name a word, by the cosine of the two."""
    from sklearn.linear_model import LogisticRegression

    dataset, images = encoders.photos(dataset)
    named = mentions([photo.captions for photo in dataset.photos], [f"{word}s?" for word in WORDS])
    vectors = label_vectors(encoders.images, [Wanted(word) for word in WORDS], TEMPLATES["en"])
    cosines = (images @ vectors.T).astype(np.float64)
    told = named != 1
    there = named[told] >= SURE
    model = LogisticRegression(C=1e6).fit(cosines[told][:, None], there)
    slope, bias = float(model.coef_[0, 0]), float(model.intercept_[0])
    said = each(cosines[told], LabelCalibration(0, 0, slope, bias))
    print(f"{len(WORDS)} words, {len(images)} photos: ECE {reliability(said, there).ece:.4f} where fitted")
    return slope, bias


def mentions(captions: Sequence[Sequence[str]], patterns: Sequence[str]) -> Indices:
    """How many captions of each photo hold each pattern as a word, shape (photos, patterns)."""
    found = [re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for pattern in patterns]
    counts = [[sum(bool(one.search(text)) for text in some) for one in found] for some in captions]
    return np.array(counts, np.intp)


def least(values: Floats, loss: Callable[[float], float]) -> float:
    return float(values[int(np.argmin([loss(float(value)) for value in values]))])


if __name__ == "__main__":
    main()
