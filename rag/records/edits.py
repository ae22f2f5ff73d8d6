"""What people said of items in place of their sources, and what the sources say meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from rag.records.database import Database
from rag.records.schema import edits
from rag.records.types import Edit, Said
from rag.types import Scope

CHUNK: Final = 500
KEY: Final = ("tenant", "collection", "item_id")


class Edits:
    """One entry for each item that a person edited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, scope: Scope, item_ids: Sequence[str]) -> dict[str, Edit]:
        """The edits of these items, by id."""
        found: dict[str, Edit] = {}
        with self._database.reading() as connection:
            for start in range(0, len(item_ids), CHUNK):
                some = edits.c.item_id.in_(item_ids[start : start + CHUNK])
                rows = connection.execute(select(edits).where(_within(scope) & some)).mappings()
                found.update((row["item_id"], _edit(dict(row))) for row in rows)
        return found

    def put(self, scope: Scope, item_id: str, parent_id: str, edit: Edit) -> None:
        """Keep an edit in place of an earlier one of the same item; ``parent_id``: the document it is in."""
        values: dict[str, Any] = {
            "caption": edit.caption,
            "tags": None if edit.tags is None else list(edit.tags),
            "metadata": dict(edit.metadata),
            "said": _written(edit.said),
            "parent_id": parent_id,
        }
        insert = (sqlite.insert if self._database.sqlite else postgresql.insert)(edits)
        put = insert.on_conflict_do_update(index_elements=list(KEY), set_=values)
        key = {"tenant": scope.tenant, "collection": scope.collection, "item_id": item_id}
        with self._database.writing() as connection:
            connection.execute(put, [key | values])

    def take_back(self, scope: Scope, item_id: str) -> None:
        """No person says anything of this item any more; of its parts they may."""
        with self._database.writing() as connection:
            connection.execute(delete(edits).where(_within(scope) & (edits.c.item_id == item_id)))

    def forget(self, scope: Scope, item_ids: Sequence[str]) -> None:
        """These items are gone, and so are the parts of these documents."""
        with self._database.writing() as connection:
            for start in range(0, len(item_ids), CHUNK):
                some = list(item_ids[start : start + CHUNK])
                theirs = or_(edits.c.item_id.in_(some), edits.c.parent_id.in_(some))
                connection.execute(delete(edits).where(_within(scope) & theirs))

    def forget_collection(self, scope: Scope) -> None:
        """The same of all items of the collection."""
        with self._database.writing() as connection:
            connection.execute(delete(edits).where(_within(scope)))


def _within(scope: Scope) -> ColumnElement[bool]:
    return (edits.c.tenant == scope.tenant) & (edits.c.collection == scope.collection)


def _edit(row: Mapping[str, Any]) -> Edit:
    tags = row["tags"]
    return Edit(row["caption"], None if tags is None else tuple(tags), row["metadata"], _said(row["said"]))


def _written(said: Said) -> dict[str, Any]:
    return {
        "caption": said.caption,
        "caption_origin": said.caption_origin,
        "text": said.text,
        "tags": list(said.tags),
        "tags_origin": said.tags_origin,
        "metadata": dict(said.metadata),
    }


def _said(row: Mapping[str, Any]) -> Said:
    return Said(**{**row, "tags": tuple(row["tags"])})
