"""What a reranker says and what the fusion said become one log-odds, and one order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag.retrieval.fusion import probability
from rag.types import Hit, RerankWeights

LEAST = 1e-3
"""No model is trusted to be surer than this: a single slip would outweigh everything else."""


def log_odds(chance: float) -> float:
    """The logit of a probability, which is first brought into [LEAST, 1 - LEAST]."""
    held = min(max(chance, LEAST), 1 - LEAST)
    return math.log(held / (1 - held))


def reordered(hits: Sequence[Hit], scores: Mapping[int, float], weights: RerankWeights) -> tuple[Hit, ...]:
    """The hits in their new order. ``scores`` has the reranker's probability for some of their places.

    Hits that have one share the places that such hits had, by their combined log-odds, those that are equal
    in order of id. The others keep their places and their relevance: a score of one kind is never held
    against a score of the other.
    """
    read = sorted(scores)
    judged = [_judged(hits[place], scores[place], weights) for place in read]
    judged.sort(key=lambda hit: (-hit.score, hit.item.id))
    order = list(hits)
    for place, hit in zip(read, judged, strict=True):
        order[place] = hit
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(order, start=1))


def rearranged(hits: Sequence[Hit], scores: Mapping[int, float], weights: RerankWeights) -> tuple[Hit, ...]:
    """As ``reordered``, where hits behind were not read in time: only the order is changed.

    Each takes the score and the relevance of its new place. Combined ones would be held against those of the
    fusion: hits that were read and doubted would fall below ones that nobody read.
    """
    order = reordered(hits, scores, weights)
    return tuple(
        replace(hit, score=place.score, relevance=place.relevance)
        for hit, place in zip(order, hits, strict=True)
    )


def _judged(hit: Hit, score: float, weights: RerankWeights) -> Hit:
    combined = weights.bias + weights.fusion * hit.score + weights.rerank * log_odds(score)
    return replace(hit, score=combined, relevance=probability(combined), legs=replace(hit.legs, rerank=score))
