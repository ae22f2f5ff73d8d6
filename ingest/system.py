"""What ingestion needs of the whole system, and how much it takes at a time."""

from __future__ import annotations

import os
from typing import Final, Protocol

from rag.blobs import Blobs
from rag.protocols import Captioner, ImageEncoder, Store, TextEncoder
from rag.records.records import Records
from rag.settings import Settings
from rag.vision.moderation import Moderator
from rag.vision.zero_shot import ZeroShot

BATCH: Final = 64
"""Most files that go through the steps together, and pictures that are encoded at a time."""
BATCH_BYTES: Final = 64 * 2**20
"""Most bytes of a batch, unless a single file has more."""
READERS: Final = min(4, (os.cpu_count() or 1) + 1)


class Parts(Protocol):
    """What ingestion needs of Olhar. A part that is not needed is not asked for."""

    @property
    def settings(self) -> Settings: ...

    @property
    def store(self) -> Store: ...

    @property
    def encoder(self) -> ImageEncoder: ...

    @property
    def text_encoder(self) -> TextEncoder: ...

    @property
    def captioner(self) -> Captioner | None:
        """Who describes pictures that nobody described; None when no model is set to."""

    @property
    def moderator(self) -> Moderator | None:
        """What pictures are held against before they are stored; None when OLHAR_MODERATION is off."""

    @property
    def zero_shot(self) -> ZeroShot: ...

    @property
    def blobs(self) -> Blobs:
        """The originals."""

    @property
    def staged(self) -> Blobs:
        """Bytes that were sent, until their file has its receipt."""

    @property
    def records(self) -> Records: ...
