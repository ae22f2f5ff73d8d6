"""What the encoders tell beyond cosines: whether a picture shows what is named, whether a caption fits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from rag.protocols import Agreeing, ImageEncoder, Naming, TextEncoder
from rag.types import Matrix, Vector

LOOKED_AT = 128
"""Pictures whose content is told apart for a query, those of the highest cosine; the others count as the
least of them. With ``compact`` they cost 1.8 ms where the question names a class, else .4 ms (one core)."""


@dataclass(frozen=True, slots=True)
class Insight:
    """See ``rag.protocols.Naming`` and ``Agreeing``; both give None where the encoders cannot tell."""

    named: Callable[[Matrix, Matrix], Matrix | None]
    agreement: Callable[[Matrix, Matrix], Vector | None]

    @classmethod
    def of(cls, images: ImageEncoder, texts: TextEncoder) -> Self:
        """A caption and its picture are compared only where one model makes both vectors."""
        named = images.named if isinstance(images, Naming) else _unknown
        if texts.fingerprint.name != images.fingerprint.name:
            return cls(named, _unknown)
        told = texts.agreement if isinstance(texts, Agreeing) else _unknown

        def agreement(captions: Matrix, pictures: Matrix) -> Vector | None:
            found = told(captions, pictures)
            if found is None and texts.fingerprint == images.fingerprint:
                return np.asarray((captions * pictures).sum(axis=1), np.float32)
            return found

        return cls(named, agreement)

    def named_nearest(self, query: Vector, images: Matrix, cosines: Vector) -> Vector | None:
        """``named`` for one query, shape (n,), looking at the nearest pictures only."""
        nearest = np.argsort(-cosines, kind="stable")[:LOOKED_AT]
        told = self.named(query[None], images[nearest])
        if told is None or not len(nearest):
            return None
        result = np.full(len(images), told.min(), np.float32)
        result[nearest] = told[0]
        return result


def _unknown(_: Matrix, __: Matrix) -> None:
    return None


NOTHING = Insight(_unknown, _unknown)
