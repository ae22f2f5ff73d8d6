"""The later passes over items, in their order."""

from __future__ import annotations

from ingest.caption_pass import open_pass
from ingest.later import LaterPass
from ingest.ocr_pass import OcrPass
from ingest.system import Parts


def open_passes(parts: Parts) -> list[LaterPass]:
    """Those that may have something to do. Close each."""
    described = open_pass(parts)
    return [OcrPass(parts), *([described] if described is not None else [])]


def finish_waiting(parts: Parts) -> None:
    """Carry out all that is due, in this thread."""
    for one in open_passes(parts):
        with one:
            while one.some():
                pass
