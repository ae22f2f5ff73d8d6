"""A server over a light system: real HTTP, real routes, no models."""

from __future__ import annotations

import io
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
from anyio import CapacityLimiter
from fastapi import FastAPI
from PIL import Image

from api import turns
from api.app import WAITING, create_app
from api.routes import health
from api.turns import Turns
from ingest.receipts import FileReceipt, IngestReport
from ingest.sources import SourceFile
from rag.blobs import Blobs
from rag.build import Olhar
from rag.errors import ModelUnavailable, NotFound
from rag.models import encoder_row
from rag.questions import Question
from rag.records.answers import Recent
from rag.records.classifiers import Classifiers
from rag.records.feedback import Feedbacks
from rag.records.load import Load
from rag.records.places import Places
from rag.records.records import Records
from rag.records.removals import Removals
from rag.records.reviews import Reviews
from rag.records.threads import Threads
from rag.records.types import Job
from rag.retrieval.texts import TextRelevance
from rag.settings import Settings
from rag.types import (
    Answer,
    Citation,
    CollectionInfo,
    Evidence,
    Filter,
    Fingerprint,
    Hit,
    Item,
    Kind,
    Legs,
    Matrix,
    Pixels,
    RerankState,
    Scope,
    SearchResult,
    Usage,
    content_hash,
)
from tests.loopback import running
from tests.reads_all import ReadsAll


def png(colour: tuple[int, int, int] = (200, 30, 30), side: int = 8) -> bytes:
    """A small picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


CAT = Item(
    id="a" * 32,
    tenant="default",
    collection="default",
    content_hash=content_hash(png()),
    sources=("photos/cat.png",),
    caption="a cat on a wall",
    tags=("cat",),
)
HIT = Hit(rank=1, item=CAT, score=2.0, relevance=0.88, legs=Legs(image=0.3, caption=0.7))
ANSWER = Answer(
    text="A cat [1].",
    abstained=False,
    citations=(Citation(1, CAT.id, CAT.source),),
    evidence=(Evidence(1, HIT, "a cat on a wall"),),
    usage=Usage(12, 3),
    rerank=RerankState("skipped", "no reranker is set"),
    model="fake:model",
    timings_ms={"answer": 1.5},
    id="e" * 32,
)


class FakeEncoder(ReadsAll):
    """Texts to one axis, pictures to a vector at 60 degrees from it: cosine 0.5."""

    fingerprint = Fingerprint("fake", "w", "p", 2)
    logit_scale = 100.0
    device = "cpu"

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.batches: list[int] = []
        self.texts = np.array([[1.0, 0.0]], np.float32)
        self.pictures = np.array([[0.5, 0.75**0.5]], np.float32)

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return np.array([[1.0, 0.0]] * len(texts), np.float32)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        if self.error:
            raise self.error
        self.batches.append(len(images))
        return np.repeat(self.pictures, len(images), axis=0)

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        if self.error:
            raise self.error
        return np.repeat(self.texts, len(texts), axis=0)

    encode_queries = encode_documents


@dataclass
class FakeStore:
    items: dict[str, Item] = field(default_factory=lambda: {CAT.id: CAT})
    error: Exception | None = None

    def get(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Item]:
        if self.error:
            raise self.error
        found = [self.items[i] for i in ids if i in self.items]
        return [
            i for i in found if (i.tenant, i.collection, i.kind) == (scope.tenant, scope.collection, kind)
        ]

    def scan(
        self, scope: Scope, kind: Kind, *, where: Filter | None = None, after: str = "", limit: int = 100
    ) -> list[Item]:
        del where
        found = self.get(scope, kind, sorted(self.items))
        return [item for item in found if item.id > after][:limit]

    def collections(self, tenant: str) -> list[CollectionInfo]:
        return [CollectionInfo("default", 1, 0)] if tenant == "default" else []


@dataclass
class FakeBlobs:
    blobs: dict[str, bytes] = field(default_factory=lambda: {CAT.content_hash: png()})
    thumbnails: dict[str, bytes] = field(default_factory=dict)
    reads: list[tuple[int, int]] = field(default_factory=list)

    def get(self, sha256: str) -> bytes:
        if sha256 not in self.blobs:
            raise NotFound("no such original")
        return self.blobs[sha256]

    def size(self, sha256: str) -> int:
        return len(self.get(sha256))

    def pieces(self, sha256: str, start: int, end: int) -> Iterator[bytes]:
        self.reads.append((start, end))
        yield self.get(sha256)[start:end]

    def thumbnail(self, sha256: str) -> bytes | None:
        return self.thumbnails.get(sha256)

    def put_thumbnail(self, sha256: str, data: bytes) -> None:
        self.thumbnails[sha256] = data


@dataclass
class FakePipeline:
    """Answers the same always; ``wait`` holds it up, ``error`` breaks it."""

    calls: list[Question] = field(default_factory=list)
    answer: Answer = ANSWER
    error: Exception | None = None
    wait: Callable[[], object] = lambda: None
    between: Callable[[], object] = lambda: None
    ended: int = 0

    reranks: Mapping[str, int] = field(default_factory=lambda: {"applied": 2, "degraded": 1, "skipped": 0})

    def search(self, question: Question) -> SearchResult:
        self._called(question)
        return SearchResult((HIT,), ("careful",))

    def ask(self, question: Question) -> Answer:
        self._called(question)
        return self.answer

    def stream(self, question: Question) -> Iterator[tuple[Evidence, ...] | str | Answer]:
        self._called(question)
        try:
            yield self.answer.evidence
            for word in re.findall(r"\s*\S+", self.answer.text):
                self.between()
                yield word
            yield self.answer
        finally:
            self.ended += 1

    def _called(self, question: Question) -> None:
        self.calls.append(question)
        self.wait()
        if self.error:
            raise self.error


@dataclass
class FakeBreaker:
    """Of a model that is there."""

    state: str = "closed"

    def require_closed(self) -> None:
        if self.state != "closed":
            raise ModelUnavailable("it is asked again later")


@dataclass
class FakeGenerator:
    languages: tuple[str, ...] = ()
    wait: Callable[[], object] = lambda: None
    error: Exception | None = None
    breaker: FakeBreaker = field(default_factory=FakeBreaker)

    def check(self) -> Mapping[str, str]:
        self.wait()
        if self.error:
            raise self.error
        return {"model": "fake:model", "device": "cpu"}

    def warm(self) -> None: ...


@dataclass
class FakeReranker:
    error: Exception | None = None
    name: str = "fake:reranker"
    breaker: FakeBreaker = field(default_factory=FakeBreaker)

    def probabilities(self, question: str, texts: Sequence[str]) -> tuple[float | None, ...]:
        if self.error:
            raise self.error
        return tuple((0.9 if question in text else 0.1) if text else None for text in texts)

    def check(self) -> Mapping[str, str]:
        if self.error:
            raise self.error
        return {"model": "fake", "device": "cpu"}

    def warm(self) -> None: ...


class FakeReadings:
    """Nothing is to be read."""

    def counts(self, _: str) -> dict[str, dict[str, int]]:
        return {}


class FakeJobs:
    """No job needs anything that was sent."""

    def needs(self, _: Sequence[str]) -> set[str]:
        return set()


class FakeAudit:
    """Nothing is kept of what is changed."""

    def begin(self, *_: str, **__: str) -> int:
        return 0

    def end(self, number: int, status: int, target: str = "") -> None: ...

    def forget(self, _: float) -> int:
        return 0


@dataclass
class FakeRecords:
    """Threads and feedback are kept in a real file, made when a test wants them."""

    error: Exception | None = field(default=None, kw_only=True)
    readings: FakeReadings
    captionings: FakeReadings
    jobs: FakeJobs = field(default_factory=FakeJobs)
    audit: FakeAudit = field(default_factory=FakeAudit)

    def load(self) -> Load:
        if self.error:
            raise self.error
        return Load(jobs=1, files_waiting=7, batches_queued=2, batches_running=3)

    url: str = ""

    @cached_property
    def kept(self) -> Records:
        return Records(self.url)

    @property
    def threads(self) -> Threads:
        return self.kept.threads

    @property
    def classifiers(self) -> Classifiers:
        return self.kept.classifiers

    @property
    def reviews(self) -> Reviews:
        return self.kept.reviews

    @property
    def removals(self) -> Removals:
        return self.kept.removals

    @property
    def places(self) -> Places:
        return self.kept.places

    @property
    def feedback(self) -> Feedbacks:
        return self.kept.feedback


@dataclass
class FakeSystem:
    settings: Settings
    encoder: FakeEncoder = field(default_factory=FakeEncoder)
    text_encoder: FakeEncoder = field(default_factory=FakeEncoder)
    store: FakeStore = field(default_factory=FakeStore)
    blobs: FakeBlobs = field(default_factory=FakeBlobs)
    pipeline: FakePipeline = field(default_factory=FakePipeline)
    generator: FakeGenerator = field(default_factory=FakeGenerator)
    reranker: FakeReranker | None = None
    captioner: None = None
    label_calibration: None = None

    @property
    def text_relevance(self) -> TextRelevance:
        return TextRelevance(self.text_encoder, encoder_row("compact").calibration)

    @cached_property
    def staged(self) -> Blobs:
        return Blobs(self.settings.staged)

    @cached_property
    def records(self) -> FakeRecords:
        return FakeRecords(FakeReadings(), FakeReadings(), url=self.settings.records_url)


@dataclass
class FakeQueue:
    """Reads every file and says ``indexed``; keeps what it was given. ``goes_on``: no job ends."""

    files: list[tuple[SourceFile, bytes]] = field(default_factory=list)
    all_captions: bool = False
    wait: Callable[[], object] = lambda: None
    goes_on: bool = False
    looks: int = 0
    running: int = 0
    most_at_once: int = 0
    counting: threading.Lock = field(default_factory=threading.Lock)
    receipts: dict[str, tuple[FileReceipt, ...]] = field(default_factory=dict)

    def submit(self, scope: Scope, files: Iterable[SourceFile], *, all_captions: bool = False) -> str:
        del scope
        self.all_captions = all_captions
        with self.counting:
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
        self.wait()
        given = list(files)
        self.files = [(file, file.read()) for file in given if not file.refused]
        job_id = secrets.token_hex(16)
        with self.counting:
            self.running -= 1
        self.receipts[job_id] = tuple(f.refused or FileReceipt(f.source, "indexed", "b" * 32) for f in given)
        return job_id

    def look(self, tenant: str, job_id: str) -> Job:
        self.looks += 1
        total = len(self.receipts[job_id])
        ended = None if self.goes_on else 1.0
        return Job(job_id, Scope(tenant, "c"), "running", False, total, 0, {}, 0.0, 0.0, ended)

    def report(self, scope: Scope, job_id: str) -> IngestReport:
        return IngestReport(scope.collection or "", self.receipts[job_id])


def small_settings(data: Path) -> Settings:
    """Limits that a test can go beyond."""
    return Settings(data=data, max_bytes=20_000, upload_bytes=4 * 2**20, max_pixels=10_000, ocr="off")


@dataclass
class Served:
    """One server for all tests; each puts its own system into it."""

    app: FastAPI
    url: str


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    system = FakeSystem(small_settings(tmp_path_factory.mktemp("data")))
    app = create_app(cast(Olhar, system))  # the routes use no more of a system than the fakes have
    with running(app) as url:
        yield Served(app, url)


@pytest.fixture
def system(tmp_path: Path, served: Served) -> FakeSystem:
    system = FakeSystem(small_settings(tmp_path))
    served.app.state.olhar = system
    served.app.state.readiness = health.readiness(lambda: cast(Olhar, system))
    served.app.state.ending = False
    served.app.state.turns = Turns(2, 1, "questions are being answered", "OLHAR_LLM_ANSWERS")
    served.app.state.searches = turns.of_searches(system.settings)
    served.app.state.waiting = CapacityLimiter(WAITING)
    served.app.state.recent = Recent()
    return system


@pytest.fixture
def fake_queue(served: Served, system: FakeSystem) -> FakeQueue:
    del system
    fake = FakeQueue()
    served.app.state.queue = fake
    return fake


@pytest.fixture
def app(served: Served, system: FakeSystem) -> FastAPI:
    del system  # put into the application
    return served.app


@pytest.fixture
def url(served: Served, system: FakeSystem) -> str:
    """Where the server over the light system is."""
    del system
    return served.url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem of a response, after its shape (RFC 9457) was checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body.keys() >= {"type", "title", "status", "detail", "instance"}
    assert body["status"] == status
    return body
