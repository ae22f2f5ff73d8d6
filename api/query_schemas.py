"""The JSON shape of a question, the same for the server and the command line. Unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from rag.filter_times import FIELDS as TIMES
from rag.filter_times import during
from rag.settings import Name
from rag.types import AllOf, AnyOf, Filter, FilterOp, Group, Not, Where

TEXT_LIMIT = 10_000
"""Characters of a question."""
SIGNS = {"eq": ":", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a NUL character; remove it")
    return value


Text = Annotated[str, StringConstraints(max_length=TEXT_LIMIT), AfterValidator(_without_nul)]
"""A text in a request."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class WhereIn(Body):
    """One condition, e.g. ``{"field": "tags", "op": "contains", "value": "cat"}``.

    A time is a number of Unix seconds, or an ISO date (UTC), such as ``"2024-05"``.
    """

    field: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_without_nul)]
    op: FilterOp
    value: bool | int | float | Text | Annotated[list[int] | list[Text], Field(max_length=1000)]

    def build(self) -> Filter:
        if self.field in TIMES and self.op in SIGNS and isinstance(self.value, str):
            return during(self.field, SIGNS[self.op], self.value)  # type: ignore[arg-type]  # the table has signs only
        return Where(self.field, self.op, self.value)


class AllIn(Body):
    """Every part holds: ``{"all": [...]}``."""

    all: Annotated[list[FilterIn], Field(max_length=100)]

    def build(self) -> Filter:
        return AllOf(tuple(part.build() for part in self.all))


class AnyIn(Body):
    """At least one part holds: ``{"any": [...]}``."""

    any: Annotated[list[FilterIn], Field(max_length=100)]

    def build(self) -> Filter:
        return AnyOf(tuple(part.build() for part in self.any))


class NotIn(Body):
    """The part does not hold: ``{"not": {...}}``."""

    part: FilterIn = Field(alias="not")

    def build(self) -> Filter:
        return Not(self.part.build())


FilterIn = WhereIn | AllIn | AnyIn | NotIn
for _model in (AllIn, AnyIn, NotIn):
    _model.model_rebuild()


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Several = BeforeValidator(_as_list)
"""One may stand by itself."""


class QueryIn(Body):
    """A question: a text, pictures, a sound, items to find the like of, or several of these.

    Leave out what the server's settings decide. ``where`` and ``filter`` both hold.
    """

    text: Text = ""
    image: str | None = Field(None, description="data URI: `data:image/jpeg;base64,…`")
    images: list[str] = Field(default_factory=list, description="more pictures, as data URIs", max_length=10)
    sound: str | None = Field(None, description="data URI: `data:audio/wav;base64,…`")
    like: Annotated[list[Text], Several] = Field(
        default_factory=list, description="ids of items; they are not found themselves", max_length=10
    )
    negative: Annotated[list[Text], Several] = Field(
        default_factory=list, description="texts that what is found should not be about", max_length=5
    )
    collection: Name | None = None
    everywhere: bool = Field(False, description="in all collections")
    limit: Annotated[int, Field(ge=1, le=1000)] | None = None
    filter: FilterIn | None = None
    where: Text | None = Field(None, description="a filter as a text: `tags:beach taken>=2024`")
    rerank: bool | None = Field(
        None,
        description="whether a reranker looks at what was found; unset: for answers, not for searches",
    )
    group: Group = Field("duplicates", description="of what is alike, one hit")
    diversity: float = Field(0.0, ge=0, le=1, description="from 0, by relevance alone, to 1")


class FairIn(Body):
    """Groups by a field of the metadata, and the share that each should have of every first n hits.

    Shares are above 0, and 1 together at most; what they leave is for items with none of the values.
    """

    field: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_without_nul)]
    shares: dict[Text, Annotated[float, Field(gt=0, le=1)]] = Field(min_length=1, max_length=100)


class SearchIn(QueryIn):
    """A search: a question, which page of its hits, and what groups get of them."""

    offset: int = Field(0, ge=0, le=1000)
    cursor: Annotated[str, StringConstraints(max_length=1000)] = Field("", description="`next` of a page")
    fair: FairIn | None = None


class TurnIn(Body):
    """What was said earlier."""

    role: Literal["user", "assistant"]
    text: Text


THREAD_ID = "^[0-9a-f]{32}$"
OR_NONE = "^([0-9a-f]{32})?$"
"""An id of a thread, a job, a rating, a review; or nothing."""
ThreadId = Annotated[str, StringConstraints(pattern=THREAD_ID)]


class AskIn(QueryIn):
    """A question to be answered, and what was said before it, or the thread that keeps it."""

    thread: ThreadId | None = Field(None, description="a thread of `POST /v1/threads`; it knows its history")

    faithfulness: Literal["off", "words", "llm"] | None = Field(
        None, description="how each sentence is held against its evidence; unset: as the settings say"
    )
    history: list[TurnIn] = Field(
        default_factory=list, description="earlier turns, oldest first", max_length=200
    )
