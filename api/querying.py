"""From a question as it was sent to the one that the pipeline is asked: the same over HTTP and in process."""

from __future__ import annotations

from collections.abc import Sequence

from api.query_schemas import AskIn, QueryIn, SearchIn
from rag.errors import InvalidInput
from rag.filter_text import parse_filter
from rag.questions import Question
from rag.settings import Settings
from rag.types import AllOf, Fair, Filter, Pixels, Query, Scope, SearchOptions, Sound, Turn


def asked(
    settings: Settings,
    tenant: str,
    wanted: QueryIn,
    pictures: Sequence[Pixels] = (),
    sound: Sound | None = None,
) -> Question:
    """Fill in the settings, for what ``tenant`` has. ``pictures`` and ``sound`` are its own, decoded.

    Raises InvalidInput when nothing is looked for, or a filter means nothing.
    """
    if not (wanted.text.strip() or pictures or wanted.like or sound):
        raise InvalidInput("nothing to look for: send a text, an image, a sound, an item to be like, or more")
    if wanted.everywhere and wanted.collection is not None:
        raise InvalidInput(f"everywhere, and in the collection {wanted.collection}: leave one of them out")
    collection = None if wanted.everywhere else wanted.collection or settings.collection
    first = pictures[0] if pictures else None
    query = Query(
        wanted.text, first, tuple(pictures[1:]), tuple(wanted.like), tuple(wanted.negative), sound=sound
    )
    scope = Scope(tenant, collection)
    return Question(
        scope,
        query,
        limit=wanted.limit,
        where=_filter(wanted),
        listing=_listing(wanted),
        rerank=wanted.rerank,
        history=_turns(wanted),
        thread=(wanted.thread or "") if isinstance(wanted, AskIn) else "",
        faithfulness=wanted.faithfulness if isinstance(wanted, AskIn) else None,
    )


def _turns(wanted: QueryIn) -> tuple[Turn, ...]:
    return tuple(Turn(one.role, one.text) for one in (wanted.history if isinstance(wanted, AskIn) else ()))


def _listing(wanted: QueryIn) -> SearchOptions:
    if not isinstance(wanted, SearchIn):
        return SearchOptions(wanted.group, wanted.diversity)
    fair = None if wanted.fair is None else Fair(wanted.fair.field, tuple(wanted.fair.shares.items()))
    if fair is not None and wanted.rerank:
        raise InvalidInput("fair shares and a reranker, which would undo them: leave one of them out")
    return SearchOptions(wanted.group, wanted.diversity, wanted.offset, wanted.cursor, fair)


def _filter(wanted: QueryIn) -> Filter | None:
    """Both forms hold where both are given."""
    parts = [] if wanted.filter is None else [wanted.filter.build()]
    if wanted.where is not None:
        parts.append(parse_filter(wanted.where))
    return AllOf(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None
