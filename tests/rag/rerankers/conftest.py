"""A scorer that gives what a test says, and hits to be reranked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from rag.errors import ModelUnavailable
from rag.rerankers.scorer import Model, Pair
from rag.rerankers.self_test import known_pairs
from rag.types import Described, Hit, Item, Legs

RIGHT = {one.pair for sees in (False, True) for one in known_pairs(sees=sees) if one.right}


def knowing(pair: Pair) -> float | None:
    """Right about the known answers; likes texts with the question's first word in them."""
    return 0.95 if pair in RIGHT or pair.question.split()[0] in pair.text else 0.02


@dataclass
class FakeScorer:
    """Counts what it is asked. ``last`` is how many pairs come in time; ``error`` is raised by everything."""

    chance: Callable[[Pair], float | None] = knowing
    model: Model = field(default_factory=lambda: Model("digest-1", "cpu"))
    last: int | None = None
    error: ModelUnavailable | None = None
    loads: int = 0
    pairs: list[Pair] = field(default_factory=list)
    name: str = "fake:model"

    def look(self) -> Model:
        if self.error:
            raise self.error
        return self.model

    def load(self) -> Model:
        self.loads += 1
        return self.look()

    def score(self, pairs: Sequence[Pair], seconds: float) -> Iterator[tuple[int, float | None]]:
        assert seconds > 0
        self.look()
        self.pairs += pairs
        for place, pair in list(enumerate(pairs))[: self.last]:
            yield place, self.chance(pair)

    def close(self) -> None: ...


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def found(*captions: str, scores: Sequence[float] | None = None) -> list[Described]:
    """Hits with these captions, of equal score unless said; one without a caption has no text at all."""
    described = []
    for place, caption in enumerate(captions):
        item = Item(f"item-{place}", "t", "c", f"hash-{place}", (f"{place}.jpg",), caption=caption)
        score = scores[place] if scores else 0.0
        hit = Hit(place + 1, item, score, 0.5, Legs(image=0.2))
        described.append(Described(hit, f"Caption: {caption}" if caption else ""))
    return described


def passages(described: Sequence[Described]) -> list[Described]:
    """The same as passages of documents."""
    return [
        replace(one, hit=replace(one.hit, item=replace(one.hit.item, kind="passage"))) for one in described
    ]
