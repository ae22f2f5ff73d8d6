"""A sound that comes with a question: to windows, in a child process of its own."""

from __future__ import annotations

import threading
from typing import Final

from ingest.sandbox import Sandbox
from ingest.sounds.decoding import Heard
from ingest.sounds.reading import HEARD, SHARE
from rag.settings import Settings
from rag.types import Sound

_FEW: Final = threading.BoundedSemaphore(2)
"""Questions whose sounds are read at the same time."""


def windows_of(data: bytes, settings: Settings) -> Sound:
    """What an encoder hears of a sound's bytes, read as in ingestion.

    Raises BadSound, OverLimit after OLHAR_PARSE_SECONDS, and Crashed when the child died of it.
    """
    deadline = settings.parse_seconds
    with _FEW, Sandbox(1, settings.parse_memory) as sandbox:
        found: Heard = sandbox.call(HEARD, data, SHARE * deadline, deadline=deadline)
    return found.sound
