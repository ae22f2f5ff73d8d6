"""The JSON shape of a question, the same for the server and the command line. Unknown keys are refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from rag.filter_times import FIELDS as TIMES
from rag.filter_times import during
from rag.settings import Name
from rag.types import AllOf, AnyOf, Filter, FilterOp, Not, Where

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


class QueryIn(Body):
    """A question: a text, a picture, or both. Leave out what the server's settings decide."""

    text: Text = ""
    image: str | None = Field(None, description="data URI: `data:image/jpeg;base64,…`")
    collection: Name | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] | None = None
    filter: FilterIn | None = None
    where: Text | None = Field(None, description="a filter as a text: `tags:beach taken>=2024`")
    rerank: bool | None = Field(
        None,
        description="whether a reranker looks at what was found; unset: for answers, not for searches",
    )
