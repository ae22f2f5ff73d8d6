"""From the scores of the legs to one order: fused by calibrated log-odds, less what is not wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from rag.retrieval.fusion import LegScores, Scores, calibrated, image_query_log_odds, probability, told
from rag.retrieval.legs import Scored
from rag.types import Calibration, Item, Legs

UNWANTED: Final = 0.7
"""Share of what speaks for a text that is not wanted, to be taken off; chosen in docs/benchmarks.md."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place. ``score`` is what it is ordered by, ``log_odds`` what its relevance stands
    for, in the same order; ``window`` counts how much deeper than at first was looked for it."""

    scored: Scored
    score: float
    log_odds: float
    window: int
    negative: float | None = None

    @property
    def item(self) -> Item:
        return self.scored.row.item

    @property
    def key(self) -> tuple[int, float, str]:
        """What the order goes by."""
        return self.window, -self.score, self.item.id


def ranked(scored: Sequence[Scored], calibration: Calibration, window: int = 0) -> list[Ranked]:
    """Those of the candidates that have a score, best first; equal ones in order of id."""
    if not scored:
        return []
    scores = _log_odds(scored, calibration)
    chances: Sequence[float | None] = [None] * len(scored)
    if scored[0].negative:
        unwanted, speaks_for = _unwanted(scored, calibration)
        scores -= UNWANTED * speaks_for.sum(axis=0)
        chances = [probability(value) for value in told(unwanted.max(axis=0), calibration).tolist()]
    by_words = all(one.picture is None and one.like is None for one in scored)
    odds = told(scores, calibration) if by_words else scores  # pictures have odds of their own
    found = [
        Ranked(one, score, log_odds, window, chance)
        for one, score, log_odds, chance in zip(scored, scores.tolist(), odds.tolist(), chances, strict=True)
        if score > -math.inf
    ]
    return sorted(found, key=lambda one: one.key)


def shown(one: Scored) -> Legs:
    """The legs with the cosines to the pictures and items of the query, where those were asked for."""
    legs = one.legs if one.picture is None else replace(one.legs, image=one.picture)
    return legs if one.like is None or legs.caption is not None else replace(legs, caption=one.like)


def _log_odds(scored: Sequence[Scored], calibration: Calibration) -> Scores:
    """Shape (items,). A query of several parts asks for all: the mean of the log-odds that there are."""
    by_text = calibrated(LegScores.of([_weighed(one, one.legs) for one in scored]), calibration)
    if any(one.legs.ocr is not None for one in scored):
        by_text = np.maximum(
            by_text, calibrated(LegScores.of([_read(one.legs) for one in scored]), calibration)
        )
    told_by = [by_text]
    if any(one.picture is not None for one in scored):
        pictures = LegScores.of([Legs(image=one.picture) for one in scored]).image
        told_by.append(image_query_log_odds(pictures, calibration))
    if any(one.like is not None for one in scored):
        told_by.append(calibrated(LegScores.of([Legs(caption=one.like) for one in scored]), calibration))
    parts = np.concatenate(told_by)
    known = np.isfinite(parts)
    count = known.sum(axis=0)
    mean = np.where(known, parts, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 0, mean, -np.inf)


def _unwanted(scored: Sequence[Scored], calibration: Calibration) -> tuple[Scores, Scores]:
    """For each text that is not wanted the log-odds that an item is about it, and by how much its scores
    raise them, never below 0; shape (texts, items)."""
    texts = [[_weighed(one, one.negative[n]) for one in scored] for n in range(len(scored[0].negative))]
    log_odds = np.concatenate([calibrated(LegScores.of(legs), calibration) for legs in texts])
    nothing = np.concatenate([calibrated(LegScores.of([*map(_zeros, legs)]), calibration) for legs in texts])
    known = np.isfinite(log_odds)
    return log_odds, np.where(known, np.maximum(np.where(known, log_odds - nothing, 0.0), 0.0), 0.0)


def _zeros(legs: Legs) -> Legs:
    """The scores of an item that has nothing to do with a text."""
    zeros = {leg: None if getattr(legs, leg) is None else 0.0 for leg in ("image", "caption", "bm25")}
    return replace(legs, named=None, **zeros)


def _read(legs: Legs) -> Legs:
    """A photo as what is written in it, as if that were all: caption and pixels lose nothing by it."""
    return Legs() if legs.ocr is None else Legs(caption=legs.ocr, bm25=legs.bm25)


def _weighed(one: Scored, legs: Legs) -> Legs:
    """A figure of a document is ranked by its texts: what encoders say of drawings misleads."""
    item = one.row.item
    if item.parent_id and not item.is_moment and legs.caption is not None:
        return replace(legs, image=None)
    return legs
