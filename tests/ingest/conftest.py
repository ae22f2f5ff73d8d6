"""Parts in memory, and tiny pictures."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ingest.desk import Desk
from ingest.receipts import IngestReport
from ingest.retrying import Patience
from ingest.run import drain, ingest
from ingest.sources import SourceFile, walk
from ingest.system import Parts
from rag.blobs import Blobs
from rag.errors import InvalidInput
from rag.protocols import Captioner
from rag.records.records import Records
from rag.settings import Settings
from rag.types import (
    AllOf,
    AnyOf,
    CollectionInfo,
    Filter,
    Fingerprint,
    Item,
    Kind,
    Leg,
    Matrix,
    Pixels,
    Row,
    Scope,
    Vector,
    Where,
)
from rag.vision.moderation import Moderator
from rag.vision.zero_shot import ZeroShot
from tests.reads_all import ReadsAll

SCOPE = Scope("tenant", "photos")
DIMENSION = 8


def picture(seed: int, kind: str = "PNG") -> bytes:
    """A small picture, another one for each seed."""
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)).save(out, kind)
    return out.getvalue()


def save(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@dataclass
class MemoryStore:
    """A Store that keeps rows in a dict. ``before_upsert`` and ``before_get`` may look on and raise."""

    saved: dict[str, Row] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    before_upsert: Callable[[Sequence[Row]], None] = lambda _: None
    before_get: Callable[[], None] = lambda: None

    def upsert(self, rows: Sequence[Row]) -> None:
        self.calls.append("upsert")
        self.before_upsert(rows)
        for row in rows:
            if row.image_vector is None and row.item.modality == "image" and not row.item.parent_id:
                raise InvalidInput(f"row {row.item.id!r} has no vector")
        self.saved.update((row.item.id, row) for row in rows)

    def delete(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> int:
        self.calls.append("delete")
        found = [row.item.id for row in self.rows(scope, kind, ids)]
        for item_id in found:
            del self.saved[item_id]
        return len(found)

    def get(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Item]:
        self.before_get()
        return [row.item for row in self.rows(scope, kind, ids)]

    def rows(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Row]:
        found = (self.saved[i] for i in dict.fromkeys(ids) if i in self.saved)
        return [row for row in found if _seen(row.item, scope, kind)]

    def scan(
        self, scope: Scope, kind: Kind, *, where: Filter | None = None, after: str = "", limit: int = 100
    ) -> list[Item]:
        self.calls.append("scan")
        items = [row.item for _, row in sorted(self.saved.items()) if _seen(row.item, scope, kind)]
        return [item for item in items if item.id > after and _matches(item, where)][:limit]

    def count(self, scope: Scope, kind: Kind, where: Filter | None = None) -> int:
        return len(self.scan(scope, kind, where=where, limit=10**9))

    def collections(self, tenant: str) -> list[CollectionInfo]:
        names = sorted({row.item.collection for row in self.saved.values() if row.item.tenant == tenant})
        kinds: tuple[Kind, Kind] = ("image", "passage")
        return [CollectionInfo(name, *(self.count(Scope(tenant, name), k) for k in kinds)) for name in names]

    def made_of(self, sha256s: Sequence[str]) -> set[str]:
        return {row.item.content_hash for row in self.saved.values()} & set(sha256s)

    def search(
        self,
        scope: Scope,
        kind: Kind,
        leg: Leg,
        query: Vector | str,
        *,
        limit: int,
        where: Filter | None = None,
        ids: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        raise NotImplementedError("ingestion does not search")

    def close(self) -> None: ...

    @property
    def items(self) -> dict[str, Item]:
        """By the name of the file that each was first seen in."""
        return {Path(row.item.source).name: row.item for row in self.saved.values()}


def _seen(item: Item, scope: Scope, kind: Kind) -> bool:
    return (item.tenant, item.collection, item.kind) == (scope.tenant, scope.collection, kind)


def _matches(item: Item, where: Filter | None) -> bool:
    if where is None:
        return True
    if isinstance(where, AllOf):
        return all(_matches(item, part) for part in where.parts)
    if isinstance(where, Where) and where.op == "eq":
        return bool(getattr(item, where.field) == where.value)
    if isinstance(where, Where):
        assert (where.field, where.op) == ("parent_id", "in")
        assert isinstance(where.value, Sequence)
        return item.parent_id in where.value
    assert isinstance(where, AnyOf)
    conditions = [part for part in where.parts if isinstance(part, Where)]
    assert all((part.field, part.op) == ("sources", "contains") for part in conditions)
    return any(part.value in item.sources for part in conditions)


@dataclass
class FakeEncoder(ReadsAll):
    """Both encoders: vectors that depend on the content alone. ``before`` may look on and raise."""

    fingerprint: Fingerprint = field(default_factory=lambda: Fingerprint("fake", "1", "none", DIMENSION))
    logit_scale: float = 1.0
    languages: tuple[str, ...] = ()
    device: str = "cpu"
    pictures: int = 0
    texts: list[str] = field(default_factory=list)
    before: Callable[[Sequence[Any]], None] = lambda _: None

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        self.before(images)
        self.pictures += len(images)
        return np.stack([_vector(int(image.astype(np.int64).sum())) for image in images])

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        self.before(texts)
        self.texts += texts
        return np.stack([text_vector(text) for text in texts])

    encode_image_queries = encode_images
    encode_queries = encode_text_queries = encode_documents


def text_vector(text: str) -> Vector:
    return _vector(sum(text.encode()) + len(text))


def _vector(seed: int) -> Vector:
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


class FakeParts:
    """What ``ingest`` needs, with what it asked for counted."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.settings = Settings.model_validate(
            {"data": folder / "data", "batch": 4, "ocr": "off", **settings}
        )
        self.store = MemoryStore()
        self.blobs = Blobs(str(folder / "originals"))
        self.staged = Blobs(str(folder / "originals-staged"))
        self.records = Records(self.settings.records_url)
        self.fake = FakeEncoder()
        self.captioner: Captioner | None = None
        self.moderator: Moderator | None = None
        self.asked: list[str] = []

    @property
    def encoder(self) -> FakeEncoder:
        self.asked.append("encoder")
        return self.fake

    @property
    def zero_shot(self) -> ZeroShot:
        return ZeroShot(self.fake, ("cat", "dog", "boat", "tree"))

    @property
    def text_encoder(self) -> FakeEncoder:
        self.asked.append("text_encoder")
        return self.fake


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[FakeParts]:
    parts = FakeParts(tmp_path / "parts")
    yield parts
    parts.records.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder for pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


Run = Callable[..., IngestReport]


@pytest.fixture
def run(parts: FakeParts, photos: Path) -> Run:
    """Ingest the folder of pictures, or the files given; each run a second later than the one before."""
    time = iter(range(1000, 10**6))

    def ingested(files: Iterable[SourceFile] | None = None, *, all_captions: bool = False) -> IngestReport:
        now = next(time)
        chosen = walk([photos]) if files is None else files
        report = ingest(
            parts, SCOPE, chosen, all_captions=all_captions, patience=Patience(()), clock=lambda: now
        )
        assert not [t for t in threading.enumerate() if t.name.startswith("olhar-")]
        return report

    return ingested


def in_place(parts: Parts) -> Callable[[], None]:
    """What wakes a worker that does all there is before it goes to sleep again, in the caller's thread."""
    turn = threading.Lock()

    def wake() -> None:
        with turn, Desk(parts, patience=Patience((0.0,))) as desk:
            drain(desk)

    return wake


def add(folder: Path, count: int) -> list[Path]:
    """Pictures ``000.png`` and so on, each another one."""
    return [save(folder / f"{n:03}.png", picture(n)) for n in range(count)]


def statuses(report: IngestReport) -> dict[str, str]:
    """Status by the name of the file."""
    return {Path(receipt.source).name: receipt.status for receipt in report.files}
