"""Data folders of before: which source holds which item is read off the items once."""

from __future__ import annotations

from typing import Final

from ingest.system import Parts
from rag.records.types import Place
from rag.types import Scope

PAGE: Final = 500


def adopt(parts: Parts) -> int:
    """Note the sources of all items of the settings' tenant, if none is noted; how many items."""
    places, tenant = parts.records.places, parts.settings.tenant
    if places.any():
        return 0
    adopted = 0
    for collection in parts.store.collections(tenant):
        scope, after = Scope(tenant, collection.name), ""
        while items := parts.store.scan(scope, "image", after=after, limit=PAGE):
            after = items[-1].id
            adopted += len(items)
            places.add(
                scope,
                [Place(s, i.id, i.content_hash) for i in items if not i.parent_id for s in i.sources],
            )
    return adopted
