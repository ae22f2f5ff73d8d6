"""Whether photos of what a question names are found, and how relevant they are said to be.

    python -m benchmarks.named_things PHOTOS [--cache FOLDER]

PHOTOS has captions. Asked for is “a *word*”, for every name of a class that the image tower knows and every
word for a kind of them that two captions of one photo hold; such photos are right, those of whose captions
none holds it are wrong. Things named in captions are often small: this is what ``named`` costs, where
``benchmarks.abstention`` says what it brings. At most EACH right photos a word and OTHERS at large are
looked at, without their captions. Prints for classes and kinds, with and without ``named``, the mean
average precision, and of the right photos the shares with a relevance below .15, .05 and .01.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.cached_encoders import CachedEncoders
from rag.build import build
from rag.encoders.compact.classes import NAMES_PER_CLASS, class_names, general_words
from rag.evaluation.datasets import Dataset, read_dataset
from rag.evaluation.scoring import Gallery
from rag.retrieval.fusion import calibrated, relevance_of
from rag.retrieval.insight import Insight
from rag.settings import load_settings
from rag.types import Calibration

EACH: Final = 12
OTHERS: Final = 500
BOUNDS: Final = (0.15, 0.05, 0.01)

Said = NDArray[np.int64]
"""How many captions of a photo hold a word, shape (words, photos)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    given = parser.parse_args()
    kinds = {word for group in general_words() for word in group if "," not in word}
    names = {name.lower() for group in class_names() for name in group[:NAMES_PER_CLASS]}
    dataset, said = looked_at(read_dataset(given.photos), sorted(kinds | names))
    with build(load_settings()) as olhar:
        encoders, weights = CachedEncoders.of(olhar, given.cache), olhar.row_calibration
        for what, words in (("classes", names - kinds), ("kinds", kinds)):
            mine = {word: row for word, row in said.items() if word in words}
            tell(what, encoders, dataset, mine, weights)


def looked_at(dataset: Dataset, words: Sequence[str]) -> tuple[Dataset, Mapping[str, Said]]:
    """Some photos, and by word how many captions of each hold it; words of no photo are left out."""
    captions = [[text.lower() for text in photo.captions] for photo in dataset.photos]
    found = {word: _holding(word, captions) for word in words}
    found = {word: row for word, row in found.items() if (row > 1).any()}
    rng = np.random.default_rng(0)
    chosen = set(rng.permutation(len(captions))[:OTHERS].tolist())
    for row in found.values():
        chosen |= set(rng.permutation(np.flatnonzero(row > 1))[:EACH].tolist())
    places = sorted(chosen)
    photos = tuple(dataset.photos[place] for place in places)
    return replace(dataset, photos=photos), {word: row[places] for word, row in found.items()}


def _holding(word: str, captions: Sequence[Sequence[str]]) -> Said:
    search = re.compile(rf"\b{re.escape(word)}(e?s)?\b").search
    return np.array([sum(search(text) is not None for text in group) for group in captions], np.int64)


def tell(
    what: str, encoders: CachedEncoders, dataset: Dataset, said: Mapping[str, Said], weights: Calibration
) -> None:
    dataset, images = encoders.photos(dataset)
    asked = [f"{'an' if word[0] in 'aeiou' else 'a'} {word}" for word in said]
    gallery = Gallery(images, {}, [""] * len(images), Insight.of(encoders.images, encoders.texts))
    legs = gallery.scores(asked, encoders.for_images(asked), None)
    without = replace(weights, image_only=replace(weights.image_only, named=0.0))
    for name, tried in (("with named", weights), ("without", without)):
        scores = calibrated(legs, tried)
        precision, shares = [], []
        for row, counts in zip(scores, said.values(), strict=True):
            told = (counts > 1) | (counts == 0)
            precision.append(average_precision_score(counts[told] > 1, row[told]))
            right = relevance_of(row[counts > 1], tried)
            shares.append([(right < bound).mean() for bound in BOUNDS])
        below = ", ".join(
            f"{share:.3f} below {bound}" for bound, share in zip(BOUNDS, np.mean(shares, axis=0), strict=True)
        )
        print(f"{len(said)} {what}, {len(images)} photos, {name}: mAP {np.mean(precision):.3f}; {below}")


if __name__ == "__main__":
    main()
