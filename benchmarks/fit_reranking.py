"""Fit OLHAR_RERANK_WEIGHTS to your own questions, on a collection that is there, with the reranker set.

    python -m benchmarks.fit_reranking QUESTIONS

A line of QUESTIONS is {"text": "…", "source": "…"}: a question, and the source that answers it, as
`olhar search` shows it (or the end of it). Every second question is kept aside: the report compares the share
of right first hits on those.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.build import Olhar, build
from rag.questions import Question
from rag.rerankers.combining import log_odds
from rag.rerankers.fitting import fit_weights
from rag.settings import load_settings
from rag.types import Query, RerankWeights, Scope


@dataclass(frozen=True, slots=True)
class Looked:
    """The hits of a question that the reranker read: the fusion's log-odds, its probability, right or not."""

    fusion: list[float]
    rerank: list[float]
    right: list[bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("questions", type=Path)
    given = parser.parse_args()
    questions = [json.loads(line) for line in given.questions.read_text("utf-8").splitlines() if line.strip()]
    with build(load_settings()) as olhar:
        if olhar.reranker is not None:
            olhar.reranker.warm()
        looked = [looked_at(olhar, question["text"], question["source"]) for question in questions]
    fit, aside = looked[::2], looked[1::2]
    weights = fit_weights(
        *([value for one in fit for value in getattr(one, name)] for name in ("fusion", "rerank", "right"))
    )
    alone = RerankWeights(fusion=1.0, rerank=0.0)
    for name, chosen in (("fusion alone", alone), ("default", RerankWeights()), ("fitted", weights)):
        print(f"{name}: first hit right in {first_right(aside, chosen):.3f} of {len(aside)} questions aside")
    print(f"OLHAR_RERANK_WEIGHTS={weights.bias:.3f},{weights.fusion:.3f},{weights.rerank:.3f}")


def looked_at(olhar: Olhar, text: str, source: str) -> Looked:
    """Raises SystemExit when the question was not reranked."""
    scope, most = Scope(olhar.settings.tenant, olhar.settings.collection), olhar.settings.rerank_hits
    question = Question(scope, Query(text), limit=most)
    fused = {hit.item.id: hit.score for hit in olhar.pipeline.search(question).hits}
    found = olhar.pipeline.search(replace(question, rerank=True))
    if found.rerank.state != "applied":
        raise SystemExit(f"{text!r} was not reranked: {found.rerank.reason}")
    read = [
        (hit, hit.legs.rerank) for hit in found.hits if hit.legs.rerank is not None and hit.item.id in fused
    ]
    return Looked(
        [fused[hit.item.id] for hit, _ in read],
        [chance for _, chance in read],
        [any(one.endswith(source) for one in hit.item.sources) for hit, _ in read],
    )


def first_right(looked: list[Looked], weights: RerankWeights) -> float:
    """The share of the questions whose first hit is right, of those that were read."""
    right = []
    for one in looked:
        odds = np.array([log_odds(chance) for chance in one.rerank])
        scores = weights.fusion * np.array(one.fusion) + weights.rerank * odds
        right.append(bool(one.right) and one.right[int(scores.argmax())])
    return float(np.mean(right)) if right else 0.0


if __name__ == "__main__":
    main()
