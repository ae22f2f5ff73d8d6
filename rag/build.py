"""The one place where settings become objects."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from rag.arrays import cached
from rag.blobs import Blobs
from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.encoders.compact.classes import everyday_words
from rag.models import encoder_row
from rag.pipeline import Pipeline
from rag.protocols import Generator, ImageEncoder, Store, TextEncoder
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.vision.zero_shot import ZeroShot

COMPACT = "compact"


class Olhar:
    """The whole system, each part made when it is first used. Close it, or use it in a ``with``.

    Whoever builds it owns the data folder meanwhile: Milvus Lite belongs to one process.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opening = threading.RLock()

    @cached_property
    def models(self) -> Path:
        """Where compiled models are kept: beside the installation where that can be written."""
        if self.settings.models is not None:
            return self.settings.models
        shared = Path(sys.prefix) / "share" / "olhar" / "models"
        try:
            shared.mkdir(parents=True, exist_ok=True)
        except OSError:
            return self.settings.data / "models"
        return shared if os.access(shared, os.W_OK) else self.settings.data / "models"

    @cached_property
    def _text_tower(self) -> TextTower:
        return TextTower(self.models)

    @cached_property
    def encoder(self) -> ImageEncoder:
        """Chosen by OLHAR_ENCODER. Loads its weights at first use."""
        return self._encoders[0]

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """For captions and passages: the text side of OLHAR_ENCODER."""
        return self._encoders[1]

    @cached_property
    def _encoders(self) -> tuple[ImageEncoder, TextEncoder]:
        settings = self.settings
        if settings.encoder == COMPACT:
            return CompactEncoder(self.models, self._text_tower), CompactTextEncoder(self._text_tower)
        from rag.encoders.sentence_transformer import SentenceTransformerEncoder

        both = SentenceTransformerEncoder(
            settings.encoder,
            device=settings.encoder_device,
            batch=settings.encoder_batch,
            languages=encoder_row(settings.encoder).languages,
        )
        return both, both

    @cached_property
    def store(self) -> Store:
        """Milvus: a Lite file in the data folder, or the server at OLHAR_MILVUS_URI."""
        from rag.store import MilvusStore

        settings = self.settings
        with self._opening:
            settings.data.mkdir(parents=True, exist_ok=True)
            return MilvusStore.open(
                settings.milvus_uri or str(settings.data / "milvus.db"),
                token=settings.milvus_token.get_secret_value(),
                image=self.encoder.fingerprint,
                text=self.text_encoder.fingerprint,
            )

    @cached_property
    def blobs(self) -> Blobs:
        """The originals."""
        return Blobs(self.settings.blobs or str(self.settings.data / "originals"))

    @cached_property
    def generator(self) -> Generator:
        """Chosen by OLHAR_LLM. Loads or connects at first use."""
        from rag.generation import open_generator

        return open_generator(self.settings)

    @cached_property
    def zero_shot(self) -> ZeroShot:
        """Labels from everyday words; their vectors are kept beside the compiled models."""
        words = everyday_words()
        key = hashlib.sha256(repr((self.encoder.fingerprint, words)).encode()).hexdigest()[:16]
        path = self.models / f"words-{key}.npy"
        return ZeroShot(self.encoder, words, keep=lambda make: cached(path, make))

    @cached_property
    def pipeline(self) -> Pipeline:
        """Search and ask."""
        settings = self.settings
        calibration = encoder_row(settings.encoder).calibration
        retriever = Retriever(
            self.store,
            self.encoder,
            self.text_encoder,
            calibration,
            candidates=settings.candidates,
        )
        return Pipeline(
            retriever,
            self.encoder,
            self.zero_shot,
            self.generator,
            limit=settings.limit,
            evidence=settings.evidence,
            relevance=settings.relevance,
            calibrated=calibration.fitted,
        )

    def warm_models(self) -> None:
        """Load what encodes and labels, and embed a canary of each kind. Raises ModelUnavailable."""
        grey = np.full((32, 32, 3), 127, np.uint8)
        self.zero_shot.label(self.encoder.encode_images([grey]))
        self.encoder.encode_text_queries(["a canary"])
        self.text_encoder.encode_queries(["a canary"])

    def warm(self) -> None:
        """As ``warm_models``, and ask the store for its collections. Raises StoreUnavailable."""
        self.warm_models()
        self.store.collections(self.settings.tenant)

    def close(self) -> None:
        """Close what was opened; the data folder is free afterwards."""
        opened = vars(self)
        if "generator" in opened:
            self.generator.close()
        if "store" in opened:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def build(settings: Settings) -> Olhar:
    """The system that the settings describe; nothing is opened or loaded yet."""
    return Olhar(settings)
