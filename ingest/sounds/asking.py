"""A sound that comes with a question: to windows, in a child process of its own."""

from __future__ import annotations

from ingest.sandbox import Sandbox
from ingest.sounds.decoding import Heard
from ingest.sounds.reading import HEARD, SHARE
from rag.settings import Settings
from rag.types import Sound


def windows_of(data: bytes, settings: Settings) -> Sound:
    """What an encoder hears of a sound's bytes, read as in ingestion, but for a shorter time: somebody waits.

    Raises BadSound, OverLimit after OLHAR_DECODE_SECONDS, and Crashed when the child died of it.
    """
    deadline = settings.decode_seconds
    with Sandbox(1, settings.parse_memory) as sandbox:
        found: Heard = sandbox.call(HEARD, data, SHARE * deadline, deadline=deadline)
    return found.sound
