"""What the file of a picture says about it, as a description."""

from __future__ import annotations

from ingest.descriptions import Description
from ingest.sidecars import chosen
from rag.images import embedded

EMBEDDED = "embedded"


def with_embedded(given: Description, data: bytes) -> Description:
    """``given`` completed by what the file itself says: what a source says counts before that."""
    found = embedded(data)
    own = Description(
        caption=found.caption,
        tags=found.keywords,
        metadata=dict(found.metadata),
        caption_origin=EMBEDDED,
        tags_origin=EMBEDDED,
    )
    return chosen([given, own]) if own else given
