"""The JSON of reranking, as Cohere (v1 and v2) and Jina have it, as far as it is understood here."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.query_schemas import Text
from api.schemas import Shown

MOST_DOCUMENTS = 1000
MOST_CHARACTERS = 100_000

Long = Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)]


class DocumentIn(BaseModel):
    """A text to be read; what else it may have is not looked at."""

    model_config = ConfigDict(extra="ignore")

    text: Long


class RerankIn(BaseModel):
    """A question and the texts to be put in order; other parameters are checked one by one in the route."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str | None = Field(
        None, description="`/v1/models` lists them; unset: the reranker, or what stands in"
    )
    query: Annotated[Text, StringConstraints(min_length=1, pattern=r"\S")]
    documents: Annotated[list[Long | DocumentIn], Field(min_length=1, max_length=MOST_DOCUMENTS)]
    top_n: Annotated[int, Field(ge=1)] | None = Field(None, description="how many results; unset: all")
    return_documents: bool | None = False

    def texts(self) -> list[str]:
        """The documents as texts."""
        return [one if isinstance(one, str) else one.text for one in self.documents]


class RerankedText(BaseModel):
    text: Shown


class RerankResult(BaseModel):
    """``index`` is the document's place in the request, ``relevance_score`` a probability in [0, 1]."""

    index: int
    relevance_score: float
    document: RerankedText | None = None


class ApiVersion(BaseModel):
    version: str = "2"


class RerankMeta(BaseModel):
    api_version: ApiVersion = ApiVersion()
    warnings: list[Shown] = []


class RerankUsage(BaseModel):
    """Tokens are not counted."""

    prompt_tokens: int = 0
    total_tokens: int = 0


class RerankingOut(BaseModel):
    """Results, the likeliest first, equal ones as they were sent; ``document`` where it is asked for."""

    id: str
    model: str
    results: list[RerankResult]
    meta: RerankMeta
    usage: RerankUsage = RerankUsage()
