"""What was answered lately: enough to say later what a thumb up or down was for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from rag.types import Answer

KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and its answer. ``evidence`` and ``cited`` are ids of items, ``model`` is what wrote it."""

    id: str
    question: str
    text: str
    evidence: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    model: str = ""

    @classmethod
    def of(cls, question: str, answer: Answer) -> Answered:
        return cls(
            answer.id,
            question,
            answer.text,
            tuple(piece.hit.item.id for piece in answer.evidence),
            tuple(citation.item_id for citation in answer.citations),
            answer.model,
        )


class Recent:
    """The latest answers, in memory only: what nobody asked to keep is not written down."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str], Answered] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, tenant: str, answered: Answered) -> None:
        """Remember it, until ``most`` others came."""
        with self._lock:
            self._known[tenant, answered.id] = answered
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def get(self, tenant: str, answer_id: str) -> Answered | None:
        """None when it is not known, or another tenant's."""
        with self._lock:
            return self._known.get((tenant, answer_id))
