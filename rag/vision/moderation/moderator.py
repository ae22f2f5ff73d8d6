"""Holds pictures and texts against a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.once import once
from rag.protocols import ImageEncoder
from rag.types import Matrix, ModerationScales
from rag.vision.moderation.policy import Action, Policy, severest
from rag.vision.zero_shot.odds import Floats, softmax


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a picture or a text.

    ``scores``: of every category, in [0, 1], together 1. A category over its threshold is in
    ``flagged_categories``; ``confidence`` is 1 − the highest score of an unsafe one. ``action`` is the most
    severe of those that are flagged.
    """

    is_safe: bool
    confidence: float
    flagged_categories: tuple[str, ...]
    scores: Mapping[str, float]
    action: Action
    policy: str

    @property
    def told(self) -> str:
        """The flagged categories with their scores, for people."""
        return ", ".join(f"{name} {self.scores[name]:.2f}" for name in self.flagged_categories)

    @property
    def kept_out(self) -> bool:
        """Whether it may not go on."""
        return self.action in ("quarantine", "reject")


class Moderator:
    """A policy with an encoder. ``scales``: as fitted for it; without, its own temperature."""

    def __init__(
        self, encoder: ImageEncoder, policy: Policy, scales: Mapping[str, ModerationScales] | None = None
    ) -> None:
        self.policy = policy
        self._encoder = encoder
        own = ModerationScales(encoder.logit_scale, encoder.logit_scale)
        fitted = (scales or {}).get(policy.language, own)
        given = policy.scale
        self._scales = fitted if given is None else ModerationScales(given, given)

    def of_images(self, images: Matrix) -> list[Verdict]:
        """Of vectors of pictures, shape (n, dim), unit rows."""
        return self._verdicts(images, self._scales.pictures)

    def of_texts(self, texts: Sequence[str]) -> list[Verdict]:
        """Of questions, in the encoder's space of texts."""
        return self._verdicts(self._encoder.encode_text_queries(texts), self._scales.texts) if texts else []

    def _verdicts(self, vectors: Matrix, scale: float) -> list[Verdict]:
        if len(vectors) == 0:
            return []
        cosines = (vectors @ self._prompts.T).astype(np.float64)
        starts = np.cumsum([0, *(len(one.prompts) for one in self.policy.categories[:-1])])
        nearest = np.maximum.reduceat(cosines, starts, axis=1)
        return [self._verdict(row) for row in softmax(scale * nearest)]

    def _verdict(self, row: Floats) -> Verdict:
        pairs = list(zip(self.policy.categories, row.tolist(), strict=True))
        flagged = [one for one, score in pairs if one.unsafe and score > one.threshold]
        return Verdict(
            is_safe=not flagged,
            confidence=1 - max(score for one, score in pairs if one.unsafe),
            flagged_categories=tuple(one.name for one in flagged),
            scores={one.name: score for one, score in pairs},
            action=severest([one.action for one in flagged]),
            policy=self.policy.name,
        )

    @once
    def _prompts(self) -> Matrix:
        return self._encoder.encode_text_queries([p for one in self.policy.categories for p in one.prompts])
