"""The JSON shapes of jobs, items and deletions, the same over HTTP and with ``--json``."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from api.schemas import FileOut, IngestOut, Shown
from ingest import origins
from rag.records.types import Chore, FileRow, Job
from rag.types import Item, Kind

if TYPE_CHECKING:  # else whoever asks a server would load what the server works with
    from ingest.reconcile import Report


class JobOut(BaseModel):
    """A job and how far it is. Times are Unix seconds; ``rate`` is receipts a second."""

    id: str
    collection: str
    state: Literal["listing", "running", "done", "cancelled"]
    total: int
    done: int
    counts: dict[str, int]
    rate: float
    remaining_s: float | None
    created_at: float
    started_at: float | None
    finished_at: float | None

    @classmethod
    def of(cls, job: Job, now: float) -> JobOut:
        return cls(
            id=job.id,
            collection=job.scope.collection or "",
            state=job.state,
            total=job.total,
            done=job.done,
            counts=dict(job.counts),
            rate=round(job.rate(now), 2),
            remaining_s=job.remaining_s(now),
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


class JobsOut(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]


class JobFileOut(BaseModel):
    """A file of a job. ``status`` is empty while it waits; ``number`` counts the receipts of its job.

    ``id`` is what ``after`` of the parked files takes, ``place`` what ``after`` of a job's files takes.
    """

    id: int
    job_id: str
    place: int
    number: int | None
    source: Shown
    status: Literal["", "indexed", "duplicate", "unchanged", "quarantined", "failed"]
    item_id: str
    reason: Shown
    retryable: bool
    attempts: int
    steps_ms: dict[str, float]
    finished_at: float | None

    @classmethod
    def of(cls, row: FileRow) -> JobFileOut:
        fields = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate({**fields, "steps_ms": dict(row.steps_ms)})

    def receipt(self) -> FileOut:
        """The receipt alone."""
        return FileOut.model_validate(
            {"source": self.source, "status": self.status, "item_id": self.item_id, "reason": self.reason}
        )


class JobFilesOut(BaseModel):
    """Files of jobs."""

    files: list[JobFileOut]


class ItemOut(BaseModel):
    """An item as it is stored, without its vectors. Times are Unix seconds, 0 where unknown.

    ``caption_origin`` and ``tags_origin``: `sidecar`, `manifest`, `embedded`, `upload`, `figure-caption`,
    `alt-text`, `heading`, `model:<name>` or `person`; empty where there is nothing, or it was not kept yet.
    ``edited``: what of it is a person's, as `caption`, `tags`, `metadata.<key>`.
    """

    item_id: str
    kind: Kind
    collection: str
    sources: list[Shown]
    caption: Shown
    caption_origin: str
    text: Shown
    ocr: Shown
    tags: list[Shown]
    tags_origin: str
    edited: list[Shown]
    part: str
    parent_id: str
    page: int
    content_hash: str
    phash: str
    taken_at: int
    created_at: int
    updated_at: int
    metadata: dict[str, Any]

    @classmethod
    def of(cls, item: Item) -> ItemOut:
        made = {"item_id", "sources", "tags", "metadata", "caption_origin", "tags_origin", "edited"}
        names = cls.model_fields.keys() - made
        return cls(
            item_id=item.id,
            sources=list(item.sources),
            tags=list(item.tags),
            caption_origin=origins.caption_origin(item),
            tags_origin=origins.tags_origin(item),
            edited=origins.edited(item),
            metadata={key: value for key, value in item.metadata.items() if key not in origins.KEYS},
            **{name: getattr(item, name) for name in names},
        )

    @property
    def etag(self) -> str:
        """Names this state of it: another one as soon as anything of it is another."""
        said = json.dumps(self.model_dump(), sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:32]


class ItemsOut(BaseModel):
    """Items in the order of their ids; ``next`` is what ``after`` takes for more, empty at the end."""

    items: list[ItemOut]
    next: str


class LinkOut(BaseModel):
    """Paths below the server's address: what they lead to needs no key and no header."""

    item_id: str
    original: str
    thumbnail: str


class LinksOut(BaseModel):
    """Links, in the order of the items; none of items that are not there. ``expires_at`` in Unix seconds."""

    links: list[LinkOut]
    expires_at: int


class DeletedOut(BaseModel):
    """How many items went."""

    items: int


class DifferenceOut(BaseModel):
    """Something that does not agree. ``name`` is a source, an item's id, or a hash of content.

    ``remedy``: note the source (`place`), `delete`, `finish` a deletion, `ingest` again, or nothing that
    Olhar can do (`person`).
    """

    kind: str
    collection: str
    name: Shown
    remedy: Literal["place", "delete", "finish", "ingest", "person"]
    repaired: bool


class ReconciledOut(BaseModel):
    """Whether originals, records and Milvus agree. ``differences`` are the first 1,000, ``counts`` are all.

    ``left``: how many were not put right. ``jobs`` ingest again what was missing.
    """

    left: int
    counts: dict[str, int]
    differences: list[DifferenceOut]
    jobs: list[str]

    @classmethod
    def of(cls, report: Report, tenant: str) -> ReconciledOut:
        """What ``tenant`` may see of it; of other tenants the counts alone."""
        seen = [d for d in report.differences if d.scope is None or d.scope.tenant == tenant]
        differences = [
            DifferenceOut(
                kind=d.kind,
                collection=(d.scope.collection or "") if d.scope is not None else "",
                name=d.name,
                remedy=d.remedy,
                repaired=d.repaired,
            )
            for d in seen
        ]
        return cls(left=report.left, counts=dict(report.counts), differences=differences, jobs=report.job_ids)


class LastReconciledOut(BaseModel):
    """The last time that everything was compared: when (Unix seconds, null: never), and what was found."""

    ended_at: float | None
    found: int
    left: int
    counts: dict[str, int]

    @classmethod
    def of(cls, chore: Chore | None) -> LastReconciledOut:
        if chore is None:
            return cls(ended_at=None, found=0, left=0, counts={})
        return cls.model_validate({"ended_at": chore.ended_at, **chore.said})


class SourcesOut(BaseModel):
    """Sources in order; ``next`` is what ``after`` takes for more, empty at the end."""

    sources: list[str]
    next: str


class SyncOut(IngestOut):
    """What became of each file that is new or changed, and the sources that were taken away."""

    removed: list[str]


class PassOut(BaseModel):
    """How many pictures are still to be read or described, were, or were given up."""

    pending: int = 0
    done: int = 0
    skipped: int = 0
