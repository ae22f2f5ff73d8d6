"""A question with everything that decides its answer: what the search and the answer are asked with."""

from __future__ import annotations

from dataclasses import dataclass

from rag.types import Faithfulness, Filter, GenerationOptions, Query, Scope, SearchOptions, Turn

PLAIN = GenerationOptions()
LISTED = SearchOptions()


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, where, and how it is to be answered.

    ``limit`` is the most hits, or pieces of evidence; None leaves it to the settings. ``rerank`` says whether
    a reranker looks at what was found; None: for answers, not for searches. ``options`` and ``history``, the
    turns before it (oldest first), are for answers. ``thread`` names the kept conversation; empty: none.
    ``faithfulness`` says how the answer is checked against its evidence; None leaves it to the settings.
    """

    scope: Scope
    query: Query
    limit: int | None = None
    where: Filter | None = None
    listing: SearchOptions = LISTED
    rerank: bool | None = None
    options: GenerationOptions = PLAIN
    history: tuple[Turn, ...] = ()
    thread: str = ""
    faithfulness: Faithfulness | None = None
