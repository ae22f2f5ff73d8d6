"""Texts put in order for a question, in the form that the clients of Cohere and Jina speak."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request

from api.deps import Long, System
from api.errors import ModelNotFound
from api.routes.forms import json_body, json_schema
from api.routes.rerank_schemas import RerankedText, RerankIn, RerankingOut, RerankMeta, RerankResult
from api.security.needs import READ
from rag.build import Olhar
from rag.errors import InvalidInput

router = APIRouter(tags=["openai"])

SILENT: Final = frozenset({"user", "priority", "truncation"})
"""Parameters that do not change a score."""
IGNORED: Final = frozenset({"max_tokens_per_doc", "max_chunks_per_doc"})
"""Parameters that clients send by themselves; a warning says that they had no effect."""
NO_RERANKER: Final = (
    "{} is no reranker: each score is the relevance that a search would give a passage with this text, by "
    "its cosine and its words; OLHAR_RERANKER sets a model that reads question and text together"
)
SHOWN: Final = 10
"""Places that a warning names."""

OPENAPI: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": json_schema("RerankIn")}}


async def _body(request: Request) -> RerankIn:
    return await json_body(request, RerankIn)


Wanted = Annotated[RerankIn, Depends(_body)]


@router.post(
    "/v2/rerank",
    operation_id="rerank_v2",
    dependencies=[READ],
    openapi_extra=OPENAPI,
    response_model_exclude_none=True,
)
@router.post(
    "/v1/rerank",
    operation_id="rerank",
    dependencies=[READ],
    openapi_extra=OPENAPI,
    response_model_exclude_none=True,
)
async def rerank(body: Wanted, olhar: System, long: Long) -> RerankingOut:
    """Put texts in order by how likely they answer a question, with the reranker or what stands in for it."""
    told = _parameters(body.model_extra or {})
    model, scores, warnings = await long.reranking.run(_scored, olhar, body)
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))[: body.top_n]
    texts = body.texts()
    return RerankingOut(
        id=f"rerank-{uuid.uuid4().hex}",
        model=model,
        results=[
            RerankResult(
                index=place,
                relevance_score=scores[place],
                document=RerankedText(text=texts[place]) if body.return_documents else None,
            )
            for place in order
        ],
        meta=RerankMeta(warnings=[*warnings, *told]),
    )


def model_names(olhar: Olhar) -> list[str]:
    """What can rerank, the one first that does where none is named."""
    reranker = olhar.reranker
    return [*([reranker.name] if reranker else []), olhar.text_relevance.name]


def _scored(olhar: Olhar, body: RerankIn) -> tuple[str, Sequence[float], list[str]]:
    """Which model, a score for each document, and what is to be said of them."""
    reranker, texts = olhar.reranker, body.texts()
    if reranker and body.model in (None, reranker.name, reranker.name.partition(":")[2]):
        read = reranker.probabilities(body.query, texts)
        unread = [place for place, score in enumerate(read) if score is None]
        return reranker.name, [score or 0.0 for score in read], _unread(unread)
    relevance = olhar.text_relevance
    if body.model not in (None, relevance.name):
        raise ModelNotFound(f"there is no model {body.model!r} to rerank with; there is {_either(olhar)}")
    warnings = [NO_RERANKER.format(relevance.name)]
    if not relevance.fitted:
        warnings.append(f"the scores are a guess: nothing was fitted for the encoder {relevance.name}")
    if cut := relevance.overlong(texts):
        warnings.append(f"documents whose end {relevance.name} does not read: {_places(sorted(cut))}")
    return relevance.name, relevance.probabilities(body.query, texts), warnings


def _either(olhar: Olhar) -> str:
    return " and ".join(map(repr, model_names(olhar)))


def _unread(places: Sequence[int]) -> list[str]:
    return [f"documents that the model could not read, with the score 0: {_places(places)}"] if places else []


def _places(places: Sequence[int]) -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(map(str, places[:SHOWN])) + more


def _parameters(given: dict[str, Any]) -> list[str]:
    """A warning for those without effect. Raises InvalidInput for those that ask for what is not done."""
    asking = {name for name, value in given.items() if value not in (None, False, [], {})}
    if given.get("rank_fields") == ["text"]:
        asking.discard("rank_fields")
    if unsupported := sorted(asking - SILENT - IGNORED):
        raise InvalidInput(f"parameters that are not supported: {', '.join(unsupported)}; leave them out")
    ignored = sorted(asking & IGNORED)
    return [f"these parameters have no effect: {', '.join(ignored)}"] if ignored else []
