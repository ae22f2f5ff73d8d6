"""From a question as it was sent to the arguments of the pipeline: the same over HTTP and in process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.query_schemas import QueryIn
from rag.errors import InvalidInput
from rag.filter_text import parse_filter
from rag.settings import Settings
from rag.types import AllOf, Filter, Pixels, Query, Scope


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's arguments for the pipeline."""

    scope: Scope
    query: Query
    limit: int | None
    where: Filter | None
    rerank: bool | None = None


def asked(settings: Settings, wanted: QueryIn, pictures: Sequence[Pixels] = ()) -> Asked:
    """Fill in the settings. ``pictures`` are those of ``wanted``, decoded.

    Raises InvalidInput when there is neither text nor picture, or a filter means nothing.
    """
    if not wanted.text.strip() and not pictures:
        raise InvalidInput("nothing to look for: send a text, an image, or both")
    scope = Scope(settings.tenant, wanted.collection or settings.collection)
    query = Query(wanted.text, pictures[0] if pictures else None)
    return Asked(scope, query, wanted.limit, _filter(wanted), wanted.rerank)


def _filter(wanted: QueryIn) -> Filter | None:
    """Both forms hold where both are given."""
    parts = [] if wanted.filter is None else [wanted.filter.build()]
    if wanted.where is not None:
        parts.append(parse_filter(wanted.where))
    return AllOf(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None
