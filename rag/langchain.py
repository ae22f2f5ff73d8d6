"""Olhar as a retriever of LangChain: any chain or agent may find with it.

with build(load_settings()) as olhar:
    retriever = OlharRetriever.of(olhar, limit=5)
    documents = retriever.invoke("a dog on the beach")
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from rag.build import Olhar
from rag.errors import InvalidInput
from rag.filter_text import parse_filter
from rag.pipeline import Pipeline, describe
from rag.questions import Question
from rag.types import AllOf, Filter, Hit, Query, Scope


class OlharRetriever(BaseRetriever):
    """Searches a collection; a document is what a language model should read of a hit.

    ``limit``, ``relevance``, ``rerank`` and ``where`` may be given anew with each call:
    ``retriever.invoke(text, limit=3)``. An asynchronous call runs in a thread. The retriever uses an open
    ``Olhar`` and does not close it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    pipeline: Pipeline
    scope: Scope
    limit: int = Field(10, ge=1, le=1000)
    """At most so many documents."""
    relevance: float = Field(0.0, ge=0, le=1)
    """Hits below this relevance are left out; 0 keeps all."""
    rerank: bool = False
    """Whether the reranker of OLHAR_RERANKER looks at the hits."""
    where: Filter | str | None = None
    """What the documents have to fulfil, besides those of the call: a filter, or one in text."""

    @classmethod
    def of(cls, olhar: Olhar, collection: str | None = None, **options: Any) -> Self:
        """A retriever over a collection, by default that of OLHAR_COLLECTION; ``options`` are its fields."""
        settings = olhar.settings
        scope = Scope(settings.tenant, collection or settings.collection)
        return cls(pipeline=olhar.pipeline, scope=scope, **{"limit": settings.limit, **options})

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        del run_manager
        return self._find(query, **options)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        del run_manager
        return await asyncio.to_thread(self._find, query, **options)

    def _find(
        self,
        query: str,
        *,
        limit: int | None = None,
        relevance: float | None = None,
        rerank: bool | None = None,
        where: Filter | str | None = None,
    ) -> list[Document]:
        """Documents, best first.

        Raises InvalidInput for an empty query, a bad or empty filter, a bad limit, or a relevance outside of
        [0, 1].
        """
        least = self.relevance if relevance is None else relevance
        if not 0 <= least <= 1:
            raise InvalidInput(f"relevance={least}: give a probability from 0 to 1; 0 keeps all hits")
        both = tuple(_filter(one) for one in (self.where, where) if one is not None)
        found = self.pipeline.search(
            Question(
                self.scope,
                Query(query),
                limit=self.limit if limit is None else limit,
                where=AllOf(both) if both else None,
                rerank=self.rerank if rerank is None else rerank,
            )
        )
        kept = [hit for hit in found.hits if hit.relevance >= least]
        return [document(hit, found.warnings) for hit in self.pipeline.described(self.scope, kept)]


def _filter(given: Filter | str) -> Filter:
    return parse_filter(given) if isinstance(given, str) else given


def document(hit: Hit, warnings: tuple[str, ...] = ()) -> Document:
    """A hit as a document. Its metadata can be written as JSON; ``legs`` has the scores that the hit has."""
    item = hit.item
    told: Mapping[str, object] = {
        "item_id": item.id,
        "collection": item.collection,
        "source": item.source,
        "sources": list(item.sources),
        "kind": item.kind,
        "rank": hit.rank,
        "relevance": hit.relevance,
        "score": hit.score,
        "legs": {leg: score for leg, score in asdict(hit.legs).items() if score is not None},
        "page": item.page,
        "part": item.part,
        "parent_id": item.parent_id,
        "caption": item.caption,
        "tags": list(item.tags),
        "labels": [label.name for label in hit.labels],
        "metadata": deepcopy(dict(item.metadata)),
        "warnings": list(warnings),
    }
    return Document(page_content=describe(hit), id=item.id, metadata=dict(told))
