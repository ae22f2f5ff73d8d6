"""Files of the originals and of what was sent that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import islice
from typing import Final

from ingest.reconcile.differences import Difference, Found, Tell
from ingest.removal import drop_staged, drop_unused
from ingest.system import Parts
from rag.blobs import Blobs

PAGE: Final = 500


def check_originals(parts: Parts, tell: Tell, before: float, needed: Set[str]) -> Iterator[None]:
    """Originals and thumbnails that were written ``before`` and that no item, source or job has.

    Those ``needed`` are left. Stops after each page.
    """
    for page in _pages(parts.blobs, tell, before):
        used = parts.records.places.uses(page) | parts.records.jobs.uses(page) | parts.store.made_of(page)
        drop_unused(parts, _unused("unused-original", page, used | needed, tell))
        yield


def check_staged(parts: Parts, tell: Tell, before: float) -> Iterator[None]:
    """Bytes that were sent ``before`` and that no job waits for. Stops after each page."""
    for page in _pages(parts.staged, tell, before):
        drop_staged(parts, _unused("unused-upload", page, parts.records.jobs.needs(page), tell))
        yield


def _unused(kind: Found, page: list[str], used: set[str], tell: Tell) -> list[str]:
    """Those that are to be deleted."""
    return [s for s in page if s not in used and tell(Difference(kind, None, s, "delete"))]


def _pages(blobs: Blobs, tell: Tell, before: float) -> Iterator[list[str]]:
    """Hashes of what is old enough, in groups; unfinished files are dealt with on the way."""
    old = (kept for kept in blobs.kept() if kept.written_at is not None and kept.written_at < before)
    while page := list(islice(old, PAGE)):
        for kept in page:
            unfinished = kept.form == "unfinished"
            if unfinished and tell(Difference("unfinished-file", None, kept.sha256, "delete")):
                blobs.discard(kept)
        yield list(dict.fromkeys(kept.sha256 for kept in page if kept.form != "unfinished"))
