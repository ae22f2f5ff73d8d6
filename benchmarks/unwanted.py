"""How to keep out what is not wanted: rules for “X, not Y”, compared on photos held back in training.

    python -m benchmarks.unwanted PHOTOS

PHOTOS is the folder that the heads were trained on; only the photos held back there are used. X and Y are
words; a photo has one that two of its captions say. It is right if it has X, and no caption of it says Y. The
first caption of each photo is stored, or none.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.cached_encoders import CachedEncoders
from benchmarks.fit_calibration import Held, asked_of, held_back
from rag.build import build
from rag.folding import STOP_WORDS, words
from rag.models import encoder_row
from rag.retrieval.fusion import LegScores, Scores, calibrated
from rag.settings import load_settings
from rag.types import Calibration, Vector

LEAST, MOST, TOGETHER = 12, 130, 5
Truth = NDArray[np.bool_]
Rule = Callable[[str, str], Scores]


@dataclass(frozen=True, slots=True)
class Pair:
    wanted: str
    unwanted: str
    right: Truth
    wrong: Truth


class Gallery:
    """The photos, with or without their captions."""

    def __init__(self, photos: Held, calibration: Calibration, *, stored: bool) -> None:
        self.photos = photos
        self.calibration = calibration
        self.stored = stored
        self.said = [words(captions[0]) for captions in photos.captions]
        self.image: dict[str, Vector] = {}
        self.caption: dict[str, Vector] = {}

    def log_odds(self, word: str, image: Vector | None = None, caption: Vector | None = None) -> Scores:
        cosines = (self.photos.images @ (self.image[word] if image is None else image))[None].astype(float)
        told = (self.photos.stored @ (self.caption[word] if caption is None else caption))[None].astype(float)
        held = np.array([[float(word in said) for said in self.said]])
        none = np.full_like(cosines, np.nan)
        legs = LegScores(cosines, told, held) if self.stored else LegScores(cosines, none, none)
        return np.asarray(calibrated(legs, self.calibration)[0])

    @property
    def bias(self) -> float:
        return (self.calibration.full if self.stored else self.calibration.image_only).bias

    def apart(self, share: float) -> Rule:
        """One vector less a share of the other."""

        def rule(x: str, y: str) -> Scores:
            image, caption = self.image[x] - share * self.image[y], self.caption[x] - share * self.caption[y]
            return self.log_odds(x, image / np.linalg.norm(image), caption / np.linalg.norm(caption))

        return rule

    def less(self, share: float) -> Rule:
        """The log-odds less a share of what speaks for the other."""
        return lambda x, y: self.log_odds(x) - share * np.maximum(0, self.log_odds(y) - self.bias)

    def product(self, x: str, y: str) -> Scores:
        """X and not Y, were the probabilities independent."""
        return self.log_odds(x) - np.logaddexp(0, self.log_odds(y))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    with build(load_settings()) as olhar:
        encoders = CachedEncoders.of(olhar, None)
        compare(asked_of(held_back(parser.parse_args().photos), encoders), encoders)


def compare(photos: Held, encoders: CachedEncoders) -> None:
    pairs = pairs_of(photos)
    asked = sorted({word for pair in pairs for word in (pair.wanted, pair.unwanted)})
    print(f"{len(photos.captions)} photos, {len(pairs)} pairs of {len(asked)} words")
    for stored in (False, True):
        gallery = Gallery(photos, encoder_row("compact").calibration, stored=stored)
        gallery.image = dict(zip(asked, encoders.for_images(asked), strict=True))
        gallery.caption = dict(zip(asked, encoders.for_texts(asked), strict=True))
        print("captions stored" if stored else "pictures alone")
        for name, rule in rules(gallery).items():
            report(name, rule, pairs)


def rules(gallery: Gallery) -> dict[str, Rule]:
    found: dict[str, Rule] = {
        "ignored": lambda x, _: gallery.log_odds(x),
        "p(x) × (1 - p(y))": gallery.product,
    }
    found |= {f"vectors, less {share}": gallery.apart(share) for share in (0.25, 0.5, 0.75, 1.0)}
    return found | {f"evidence, less {share}": gallery.less(share) for share in (0.35, 0.5, 0.7, 1.0)}


def pairs_of(photos: Held) -> list[Pair]:
    said = [Counter(word for text in texts for word in words(text)) for texts in photos.captions]
    known = Counter(word for one in said for word, count in one.items() if count >= 2)
    usual = [w for w, n in known.items() if LEAST <= n <= MOST and w not in STOP_WORDS and len(w) > 2]
    pairs = []
    for x, y in itertools.permutations(sorted(usual), 2):
        has = np.array([one[x] >= 2 for one in said])
        wrong = np.array([one[y] >= 2 for one in said])
        right = has & np.array([one[y] == 0 for one in said])
        if (has & wrong).sum() >= TOGETHER and right.sum() >= TOGETHER:
            pairs.append(Pair(x, y, right, wrong))
    return pairs


def report(name: str, rule: Rule, pairs: list[Pair]) -> None:
    found, wrong, precision = [], [], []
    for pair in pairs:
        order = np.argsort(-rule(pair.wanted, pair.unwanted), kind="stable")
        right = pair.right[order]
        found.append(right[:10].sum() / min(10, right.sum()))
        wrong.append(pair.wrong[order][:10].mean())
        precision.append((np.cumsum(right) / np.arange(1, len(right) + 1))[right].mean())
    print(
        f"{name:22} right in the first 10 {np.mean(found):.3f}, with Y {np.mean(wrong):.3f}, "
        f"mean average precision {np.mean(precision):.3f}"
    )


if __name__ == "__main__":
    main()
