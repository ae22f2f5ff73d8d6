"""Documents into passages and figures: one module a format, all of them into the same blocks.

``parsing.parse`` is the way in; it is run in a child process. ``kinds`` says what is a document at all.
"""

from ingest.documents.kinds import EXTENSIONS, kind_of
from ingest.documents.records import Document, DocumentKind, Figure, Limits, Passage

__all__ = ["EXTENSIONS", "Document", "DocumentKind", "Figure", "Limits", "Passage", "kind_of"]
