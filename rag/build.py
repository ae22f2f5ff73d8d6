"""The one place where settings become objects."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rag.arrays import cached
from rag.blobs import Blobs
from rag.breaker import Breaker
from rag.encoders.cache import CachedImageEncoder, CachedTextEncoder
from rag.encoders.canary import canaries
from rag.encoders.compact import CompactEncoder, CompactTextEncoder, MiniLMEncoder, TextTower
from rag.encoders.compact.classes import everyday_words
from rag.encoders.compact.heads import PACKAGED, tuned_heads
from rag.encoders.exported import is_exported, read_manifest
from rag.encoders.opening import open_exported
from rag.encoders.senses import sees
from rag.encoders.sharing import SharedImageEncoder, SharedTextEncoder
from rag.errors import OlharError
from rag.faithfulness import Checker
from rag.guarding import GuardedGenerator, GuardedJudge, GuardedReranker, GuardedRewriter
from rag.images import working_picture
from rag.models import CLAP, IMAGEBIND, OPEN_CLIP, encoder_row
from rag.once import once
from rag.origin import origin
from rag.pipeline import Pipeline
from rag.protocols import Captioner, ImageEncoder, Naming, Rewriter, Store, TextEncoder
from rag.retrieval.calibration_file import load as load_calibration
from rag.retrieval.retriever import Retriever
from rag.retrieval.texts import TextRelevance
from rag.settings import Settings
from rag.types import Calibration, LabelCalibration, Pixels
from rag.vision.moderation import Moderator, QueryGate, open_policy
from rag.vision.zero_shot import ZeroShot

if TYPE_CHECKING:
    from rag.generation.generator import ChatGenerator
    from rag.records.records import Records

MEAN_AGREEMENT = 0.55
"""How well captions of photos fit them, by the packaged encoder."""
COMPACT = "compact"
OFF = "off"
MINILM = "minilm"


class Olhar:
    """The whole system, each part made when it is first used. Close it, or use it in a ``with``.

    Whoever builds it owns the data folder meanwhile: Milvus Lite belongs to one process.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @once
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

    @once
    def model_name(self) -> str:
        """OLHAR_ENCODER, or of an exported or tuned folder what it came from."""
        name = self.settings.encoder
        if tuned_heads(name) is not None:
            return COMPACT
        name = read_manifest(Path(name)).model if name != COMPACT and is_exported(name) else name
        return origin(name) or name

    @once
    def _text_tower(self) -> TextTower:
        return TextTower(self.models)

    @once
    def encoder(self) -> ImageEncoder:
        """Chosen by OLHAR_ENCODER. Loads its weights at first use."""
        return self._encoders[0]

    @once
    def text_encoder(self) -> TextEncoder:
        """For captions and passages: OLHAR_TEXT_ENCODER, or the text side of OLHAR_ENCODER."""
        return self._encoders[1]

    @once
    def _encoders(self) -> tuple[ImageEncoder, TextEncoder]:
        """Those of ``_bare_encoders``, sharing passes and remembering queries."""
        image, text = self._bare_encoders
        text = self._other_text_encoder or text
        return CachedImageEncoder(SharedImageEncoder(image)), CachedTextEncoder(SharedTextEncoder(text))

    @once
    def _other_text_encoder(self) -> TextEncoder | None:
        """The one of OLHAR_TEXT_ENCODER, when that is set."""
        settings = self.settings
        if not settings.text_encoder:
            return None
        if settings.text_encoder == MINILM:
            return MiniLMEncoder(self._text_tower)
        from rag.encoders.sentence_transformer import SentenceTransformerEncoder

        return SentenceTransformerEncoder(
            settings.text_encoder,
            device=settings.encoder_device,
            setting="OLHAR_TEXT_ENCODER",
            needs_images=False,
        )

    @once
    def _bare_encoders(self) -> tuple[ImageEncoder, TextEncoder]:
        settings = self.settings
        if settings.encoder != COMPACT and is_exported(settings.encoder):
            return open_exported(
                Path(settings.encoder),
                self._text_tower,
                device=settings.encoder_device,
                batch=settings.encoder_batch,
            )
        if self.model_name == COMPACT:
            heads = tuned_heads(settings.encoder) or PACKAGED
            compact = CompactEncoder(self.models, self._text_tower, heads=heads)
            return compact, CompactTextEncoder(self._text_tower, heads=heads)
        if settings.encoder.startswith(CLAP):
            from rag.encoders.clap import ClapEncoder

            hearing = ClapEncoder(
                settings.encoder, device=settings.encoder_device, batch=settings.encoder_batch
            )
            return hearing, hearing
        if settings.encoder.startswith(IMAGEBIND):
            from rag.encoders.imagebind import ImageBindEncoder

            bound = ImageBindEncoder(
                settings.encoder, device=settings.encoder_device, batch=settings.encoder_batch
            )
            return bound, bound
        if settings.encoder.startswith(OPEN_CLIP):
            from rag.encoders.open_clip import OpenClipEncoder

            dual = OpenClipEncoder(
                settings.encoder, device=settings.encoder_device, batch=settings.encoder_batch
            )
            return dual, dual
        from rag.encoders.sentence_transformer import SentenceTransformerEncoder

        both = SentenceTransformerEncoder(
            settings.encoder,
            device=settings.encoder_device,
            batch=settings.encoder_batch,
        )
        return both, both

    @once
    def store(self) -> Store:
        """Milvus: a Lite file in the data folder, or the server at OLHAR_MILVUS_URI."""
        from rag.store import MilvusStore

        settings = self.settings
        settings.data.mkdir(parents=True, exist_ok=True)
        return MilvusStore.open(
            settings.store_uri,
            token=settings.milvus_token.get_secret_value(),
            image=self.encoder.fingerprint,
            text=self.text_encoder.fingerprint,
        )

    @once
    def blobs(self) -> Blobs:
        """The originals."""
        return Blobs(self.settings.originals)

    @once
    def staged(self) -> Blobs:
        """Bytes that were sent, until their file has its receipt."""
        return Blobs(self.settings.staged)

    @once
    def records(self) -> Records:
        """Jobs and receipts: SQLite in the data folder, or the database of OLHAR_DATABASE_URL."""
        from rag.records.records import Records

        return Records(self.settings.records_url)

    @once
    def _bare_generator(self) -> ChatGenerator:
        from rag.generation import Sight, open_generator

        settings = self.settings
        sight = Sight(self._picture, settings.llm_pictures, settings.llm_picture_edge)
        return open_generator(settings, sight)

    @once
    def generator(self) -> GuardedGenerator:
        """Chosen by OLHAR_LLM, behind a circuit breaker. Loads or connects at first use."""
        breaker = self._breaker(f"OLHAR_LLM={self.settings.llm}")
        return GuardedGenerator(self._bare_generator, breaker)

    def _breaker(self, name: str) -> Breaker:
        settings = self.settings
        return Breaker(name, failures=settings.breaker_failures, seconds=settings.breaker_seconds)

    @once
    def _rewriter(self) -> Rewriter | None:
        """The language model again, unless OLHAR_REWRITE is off."""
        settings = self.settings
        if settings.rewrite == "off":
            return None
        rewriter = self._bare_generator.rewriter(seconds=settings.rewrite_seconds)
        return GuardedRewriter(rewriter, self.generator.breaker)

    @once
    def reranker(self) -> GuardedReranker | None:
        """Chosen by OLHAR_RERANKER, behind a circuit breaker; None for ``none``. Loads at first use."""
        from rag.rerankers import open_reranker

        opened = open_reranker(self.settings, self._small_picture)
        if opened is None:
            return None
        return GuardedReranker(opened, self._breaker(f"OLHAR_RERANKER={self.settings.reranker}"))

    def _picture(self, sha256: str) -> Pixels | None:
        """An original, small enough to work with; None when it cannot be had."""
        try:
            return working_picture(self.blobs.get(sha256), max_pixels=self.settings.max_pixels).pixels
        except OlharError:
            return None

    def _small_picture(self, sha256: str) -> Pixels | None:
        """The thumbnail of an original, or itself; None when it cannot be had."""
        try:
            data = self.blobs.thumbnail(sha256) or self.blobs.get(sha256)
            return working_picture(data, max_pixels=self.settings.max_pixels).pixels
        except OlharError:
            return None

    @once
    def captioner(self) -> Captioner | None:
        """Chosen by OLHAR_CAPTIONER; None when that names no model. Connects at first use."""
        settings = self.settings
        if not settings.captioner.startswith("ollama:"):
            return None
        from rag.captioner import open_captioner

        return open_captioner(
            settings.captioner,
            url=settings.ollama_url,
            language=settings.captioner_language,
            load_seconds=settings.llm_load_seconds,
            seconds=settings.captioner_seconds,
            keep_alive=settings.ollama_keep_alive,
        )

    @once
    def zero_shot(self) -> ZeroShot:
        """Labels from everyday words; their vectors are kept beside the compiled models."""
        words = everyday_words()
        key = hashlib.sha256(repr((self.encoder.fingerprint, words)).encode()).hexdigest()[:16]
        path = self.models / f"words-{key}.npy"
        return ZeroShot(self.encoder, words, keep=lambda make: cached(path, make))

    @once
    def moderator(self) -> Moderator | None:
        """The policy of OLHAR_MODERATION; None when that is off. Raises BadSettings."""
        return self.moderator_of(self.settings.moderation)

    @once
    def query_moderator(self) -> Moderator | None:
        """The policy of OLHAR_MODERATION_QUERIES; None when that is off. Raises BadSettings."""
        return self.moderator_of(self.settings.moderation_queries)

    def moderator_of(self, policy: str) -> Moderator | None:
        """A policy with the encoder; None for ``off``. Raises BadSettings."""
        if policy == OFF:
            return None
        return Moderator(self.encoder, open_policy(policy), encoder_row(self.model_name).moderation)

    @once
    def label_calibration(self) -> LabelCalibration | None:
        """Of zero-shot labels, as fitted for the encoder; None where nobody has."""
        return encoder_row(self.model_name).labels

    @once
    def row_calibration(self) -> Calibration:
        """What the encoder comes with; a guess beside another text encoder than its own."""
        calibration = encoder_row(self.model_name).calibration
        if not self.settings.text_encoder:
            return calibration
        # Its captions do not tell how well they fit their pictures: the mean stands for all.
        full = calibration.full
        full = replace(full, agreement=0.0, bias=full.bias + MEAN_AGREEMENT * full.agreement)
        return replace(calibration, full=full, fitted=False)

    @once
    def _calibration(self) -> tuple[Calibration, str]:
        """That of the data folder, or else of the encoder, and what the user should be told of it."""
        prints = self.encoder.fingerprint, self.text_encoder.fingerprint
        kept, told = load_calibration(self.settings.data, *prints)
        return kept or self.row_calibration, told

    @once
    def text_relevance(self) -> TextRelevance:
        """How likely texts that are not stored answer a question."""
        return TextRelevance(self.text_encoder, self._calibration[0])

    @once
    def checker(self) -> Checker:
        """Holds answers against their evidence, by words or by the language model again."""
        judge = GuardedJudge(self._bare_generator.judge(), self.generator.breaker)
        return Checker(self.settings.faithfulness, judge, seconds=self.settings.llm_answer_seconds)

    @once
    def pipeline(self) -> Pipeline:
        """Search and ask."""
        settings = self.settings
        calibration, told = self._calibration
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
            self.reranker,
            self._rewriter,
            self.checker,
            limit=settings.limit,
            evidence=settings.evidence,
            relevance=settings.relevance,
            rerank_hits=settings.rerank_hits,
            calibrated=calibration.fitted,
            gate=QueryGate(self.encoder, self.query_moderator),
            notes=(told,) if told else (),
        )

    def warm_encoder(self) -> None:
        """Load what encodes and labels pictures, or sounds, and embed canaries. Raises ModelUnavailable."""
        _ = self.moderator, self.query_moderator  # a policy that is wrong is told at the start
        first, words = canaries(self.encoder)
        if sees(self.encoder):
            self.zero_shot.label(first)
            if isinstance(self.encoder, Naming):
                self.encoder.named(words, first)

    def warm_text_encoder(self) -> None:
        """Load what encodes captions, and embed a canary. Raises ModelUnavailable."""
        self.text_encoder.encode_queries(["a canary"])

    def warm_models(self) -> None:
        """``warm_encoder`` and ``warm_text_encoder``."""
        self.warm_encoder()
        self.warm_text_encoder()

    def warm(self) -> None:
        """As ``warm_models``, and ask the store for its collections. Raises StoreUnavailable."""
        self.warm_models()
        self.store.collections(self.settings.tenant)

    def close(self) -> None:
        """Close what was opened; the data folder is free afterwards."""
        opened = vars(self)
        if "generator" in opened:
            self.generator.close()
        if "reranker" in opened and self.reranker is not None:
            self.reranker.close()
        if "captioner" in opened and self.captioner is not None:
            self.captioner.close()
        if "store" in opened:
            self.store.close()
        if "records" in opened:
            self.records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def build(settings: Settings) -> Olhar:
    """The system that the settings describe; nothing is opened or loaded yet."""
    return Olhar(settings)
