"""The gate of every export: how far are its vectors from the original's, and what does a search lose?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from rag.errors import InvalidInput
from rag.protocols import ImageEncoder
from rag.types import Matrix, Pixels

DEPTHS = (1, 5, 10)
BATCH = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """Pictures and texts. ``right``: for each text the place of the picture that it is about.

    Without ``right`` only cosines are measured.
    """

    pictures: Sequence[Pixels]
    texts: Sequence[str]
    right: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """``cosine``: least mean cosine of each side to the original. ``loss``: most recall that may be lost."""

    cosine: float = 0.999
    loss: float = 0.01


@dataclass(frozen=True, slots=True)
class Parity:
    """What was measured; ``failures`` says what is over a limit, and is empty when the export passes.

    Cosines are those of a vector to the original's, recall is text → picture over the whole sample, and
    ``neighbours`` is the share of each picture's ten nearest that the export finds too.
    """

    pictures: int
    texts: int
    cosine: Mapping[str, float]
    least_cosine: Mapping[str, float]
    neighbours: float
    recall: Mapping[str, float] = field(default_factory=dict)
    recall_original: Mapping[str, float] = field(default_factory=dict)
    failures: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For a report."""
        return asdict(self)


def compare(original: ImageEncoder, exported: ImageEncoder, sample: Sample, limits: Limits) -> Parity:
    """Measure an export. Raises InvalidInput when the sample has no picture or no text."""
    if not sample.pictures or not sample.texts:
        raise InvalidInput("the sample of the parity check needs pictures and texts; give a data set")
    images = [_images(encoder, sample.pictures) for encoder in (original, exported)]
    texts = [encoder.encode_text_queries(sample.texts) for encoder in (original, exported)]
    cosines = {
        "image": np.einsum("nd,nd->n", images[0], images[1]),
        "text": np.einsum("nd,nd->n", texts[0], texts[1]),
    }
    before, after = ({}, {}) if not sample.right else (
        recall(texts[0], images[0], sample.right),
        recall(texts[1], images[1], sample.right),
    )  # fmt: skip
    mean = {side: round(float(values.mean()), 6) for side, values in cosines.items()}
    return Parity(
        pictures=len(sample.pictures),
        texts=len(sample.texts),
        cosine=mean,
        least_cosine={side: round(float(values.min()), 6) for side, values in cosines.items()},
        neighbours=round(neighbours(images[0], images[1]), 4),
        recall=after,
        recall_original=before,
        failures=tuple(_failures(mean, before, after, limits)),
    )


def recall(texts: Matrix, images: Matrix, right: Sequence[int]) -> dict[str, float]:
    """Share of texts whose picture is among the first 1, 5 and 10; equals are counted against it."""
    scores = texts @ images.T
    places = np.asarray(right)
    own = scores[np.arange(len(places)), places]
    better = (scores >= own[:, None]).sum(axis=1) - 1
    return {f"recall@{depth}": round(float((better < depth).mean()), 4) for depth in DEPTHS}


def neighbours(before: Matrix, after: Matrix, depth: int = 10) -> float:
    """The share of each row's ``depth`` nearest other rows that both have, in [0, 1]."""
    depth = min(depth, len(before) - 1)
    if depth < 1:
        return 1.0
    tops = []
    for rows in (before, after):
        scores = rows @ rows.T
        np.fill_diagonal(scores, -np.inf)
        tops.append(np.argpartition(-scores, depth - 1, axis=1)[:, :depth])
    return float(np.mean([len(set(a) & set(b)) / depth for a, b in zip(*tops, strict=True)]))


def _failures(
    cosine: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float], limits: Limits
) -> list[str]:
    found = [
        f"the mean cosine of {side} vectors to the original's is {value:.4f}, the limit is {limits.cosine}"
        for side, value in cosine.items()
        if value < limits.cosine
    ]
    found += [
        f"{name} falls from {before[name]:.3f} to {after[name]:.3f}, "
        f"the limit is {100 * limits.loss:.1f} points"
        for name in before
        # Both have four digits: the fifth is no reason.
        if round(before[name] - after[name], 5) > limits.loss
    ]
    return found


def _images(encoder: ImageEncoder, pictures: Sequence[Pixels]) -> Matrix:
    parts = [encoder.encode_images(pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH)]
    return np.concatenate(parts)
