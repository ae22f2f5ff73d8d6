"""Fit a calibration to questions with known answers, and say what it brought on questions it did not see.

A caption is a question whose right item is its photo, as long as that caption is not what is stored: of a
photo with several captions the first is stored and the others ask; of a photo with one, either nothing is
stored or nothing is asked. Otherwise every question would find itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput
from rag.evaluation.reliability import Reliability, reliability
from rag.evaluation.scoring import Gallery
from rag.protocols import ImageEncoder, TextEncoder
from rag.retrieval.calibration import Floats, first_hits, fit_order, fit_relevance, rescaled
from rag.retrieval.fusion import LegScores, calibrated, relevance_of
from rag.retrieval.insight import Insight
from rag.types import Calibration, Matrix

LEAST: Final = 20
"""Questions without which nothing is fitted."""
MOST: Final = 500
"""Questions that are used, drawn at random: more change little and take long."""
BARE: Final = 0.3
"""Share of the photos whose caption is left out, so that both cases are fitted."""


@dataclass(frozen=True, slots=True)
class Captioned:
    """Photos: their vectors, shape (photos, dim), and the captions of each, the first of them stored."""

    images: Matrix
    captions: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Questions:
    """Scores of every photo for every question, and the place of the right one."""

    legs: LegScores
    right: NDArray[np.intp]
    captions: bool
    """Whether some photos keep a caption; otherwise all are known by their pixels alone."""

    def some(self, chosen: NDArray[np.intp]) -> Questions:
        legs = self.legs
        cut = LegScores(
            legs.image[chosen],
            legs.caption[chosen],
            legs.bm25[chosen],
            agreement=None if legs.agreement is None else legs.agreement[chosen],
            named=None if legs.named is None else legs.named[chosen],
        )
        return replace(self, legs=cut, right=self.right[chosen])


@dataclass(frozen=True, slots=True)
class Figures:
    """On questions that were not fitted on.

    The share whose first hit is right while all photos are there, and the reliability of the first hits while
    half of the right photos are taken away.
    """

    recall_at_1: float
    reliability: Reliability


@dataclass(frozen=True, slots=True)
class Fitted:
    """``calibration`` is fitted on all questions; ``after`` is of two fits on half of them each.

    ``captions`` says whether the weights of items with a text were fitted too.
    """

    calibration: Calibration
    questions: int
    photos: int
    captions: bool
    before: Figures
    after: Figures


def questions_of(photos: Captioned, images: ImageEncoder, texts: TextEncoder, *, seed: int = 0) -> Questions:
    """Draw questions from captions. Raises InvalidInput when there are fewer than LEAST."""
    rng = np.random.default_rng(seed)
    several = sum(len(group) > 1 for group in photos.captions)
    keep = rng.random(len(photos.captions)) >= (BARE if several >= LEAST else 1.0)
    stored = [
        group[0] if len(group) and kept else "" for group, kept in zip(photos.captions, keep, strict=True)
    ]
    # Beside photos with several captions, one that has but one is only there to be found by mistake.
    asking = [
        (text, place)
        for place, (group, told) in enumerate(zip(photos.captions, stored, strict=True))
        for text in group[1 if told or several >= LEAST else 0 :]
    ]
    if len(asking) < LEAST:
        raise InvalidInput(
            f"only {len(asking)} captions can be used as questions; at least {LEAST} are needed: caption "
            "more photos, or calibrate on another data set with --dataset"
        )
    return _scored(photos.images, stored, asking, images, texts, rng)


def questions_asked(
    photos: Captioned,
    asking: Sequence[tuple[str, int]],
    images: ImageEncoder,
    texts: TextEncoder,
    *,
    seed: int = 0,
) -> Questions:
    """Questions of people, each with the place of the right photo; what is first of its captions is stored.

    Raises InvalidInput when there are fewer than LEAST.
    """
    if len(asking) < LEAST:
        raise InvalidInput(
            f"only {len(asking)} questions can be used; at least {LEAST} are needed: write more"
        )
    stored = [group[0] if group else "" for group in photos.captions]
    return _scored(photos.images, stored, asking, images, texts, np.random.default_rng(seed))


def _scored(
    vectors: Matrix,
    stored: Sequence[str],
    asking: Sequence[tuple[str, int]],
    images: ImageEncoder,
    texts: TextEncoder,
    rng: np.random.Generator,
) -> Questions:
    """At most MOST of the questions, with the scores of all photos."""
    drawn = [asking[n] for n in rng.permutation(len(asking))[:MOST].tolist()]
    queries = [text for text, _ in drawn]
    there = [place for place, text in enumerate(stored) if text]
    captions = texts.encode_documents([stored[place] for place in there]) if there else ()
    gallery = Gallery(vectors, dict(zip(there, captions, strict=True)), stored, Insight.of(images, texts))
    legs = gallery.scores(
        queries, images.encode_text_queries(queries), texts.encode_queries(queries) if there else None
    )
    return Questions(legs, np.array([place for _, place in drawn], np.intp), bool(there))


def calibrate(asked: Questions, before: Calibration, *, seed: int = 0) -> Fitted:
    """Fit, and measure before and after on the half of the photos that each fit did not see."""
    halves = [np.flatnonzero(asked.right % 2 == rest) for rest in (0, 1)]
    if min(map(len, halves)) < LEAST // 4:
        raise InvalidInput("nearly all questions are about the same photos: caption more photos")
    results: list[tuple[Floats, Floats, NDArray[np.bool_], Floats, Floats, NDArray[np.bool_]]] = []
    for mine, others in (halves, halves[::-1]):
        after = _fit(asked.some(mine), before, seed)
        left = asked.some(others)
        results.append((*_judged(left, before, seed), *_judged(left, after, seed)))
    columns = [np.concatenate(parts) for parts in zip(*results, strict=True)]
    return Fitted(
        _fit(asked, before, seed),
        len(asked.right),
        asked.legs.image.shape[1],
        asked.captions,
        _figures(columns[0], columns[1], columns[2]),
        _figures(columns[3], columns[4], columns[5]),
    )


def _fit(asked: Questions, before: Calibration, seed: int) -> Calibration:
    order = fit_order(asked.legs, asked.right, before)
    scores, right = first_hits(asked.legs, asked.right, order, np.random.default_rng(seed))
    fitted = rescaled(order, *fit_relevance(scores, right))
    # Without captions nothing was learned of them: those weights stay as they were.
    return fitted if asked.captions else replace(before, image_only=fitted.image_only, lines=fitted.lines)


def _judged(
    asked: Questions, calibration: Calibration, seed: int
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    found = calibrated(asked.legs, calibration).argmax(axis=1) == asked.right
    scores, right = first_hits(asked.legs, asked.right, calibration, np.random.default_rng(seed + 1))
    return found.astype(np.float64), relevance_of(scores, calibration), right


def _figures(found: Floats, relevance: Floats, right: NDArray[np.bool_]) -> Figures:
    return Figures(round(float(found.mean()), 6), reliability(relevance, right))
