"""What the records hold, as plain values. Times are Unix seconds (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from rag.types import JSON, Scope

JobState: TypeAlias = Literal["listing", "running", "done", "cancelled"]
"""``listing``: its files are still being named. ``cancelled`` and ``done``: every file has its receipt."""

Right: TypeAlias = Literal["read", "write", "admin"]
"""What a key is for: its scopes, as users call them; in code a scope is a tenant's collection."""
RIGHTS: Final[tuple[Right, ...]] = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is to be ingested: who it is, where its bytes are, what is said of it.

    ``size`` is in bytes, 0 while unknown; ``staged`` the name of its bytes where they were put aside for it.
    ``status`` is there when its fate is known without reading it; ``reason`` then says why.
    """

    source: str
    locator: Mapping[str, JSON]
    description: Mapping[str, JSON]
    replaces: bool = False
    size: int = 0
    staged: str = ""
    status: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a job. ``number`` counts the receipts of the job in the order in which they came, from 1.

    ``attempts``: how often it failed for a passing reason. ``crashes``: how often the process died while this
    file alone was in flight. ``plan``: what an earlier run was about to write. ``steps_ms``: milliseconds
    that each step took, for the batch that the file was in.
    """

    id: int
    job_id: str
    place: int
    source: str
    locator: Mapping[str, JSON]
    description: Mapping[str, JSON]
    replaces: bool
    state: Literal["waiting", "batched", "done"]
    attempts: int
    crashes: int
    staged: str
    sha256: str
    plan: str
    number: int | None
    status: str
    item_id: str
    reason: str
    retryable: bool
    steps_ms: Mapping[str, float]
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its receipt, or with an empty status another try ``after`` so many seconds."""

    file_id: int
    status: str
    item_id: str = ""
    reason: str = ""
    retryable: bool = False
    after: float = 0.0
    steps_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Files of one collection that go through the steps together.

    ``suspect``: the process died while its files were in flight, so that they run with nothing beside them.
    ``crashed``: how often this batch was begun and not ended.
    """

    id: int
    scope: Scope
    all_captions: bool
    suspect: bool
    crashed: int
    files: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how far it is. ``counts``: receipts by status."""

    id: str
    scope: Scope
    state: JobState
    all_captions: bool
    total: int
    done: int
    counts: Mapping[str, int]
    created_at: float
    started_at: float | None
    finished_at: float | None

    def rate(self, now: float) -> float:
        """Receipts a second since it began; 0 before."""
        if self.started_at is None:
            return 0.0
        return self.done / max((self.finished_at or now) - self.started_at, 1e-3)

    def remaining_s(self, now: float) -> float | None:
        """Seconds until the last receipt at the present rate; None while that cannot be told."""
        rate = self.rate(now)
        if self.finished_at is not None:
            return 0.0
        return (self.total - self.done) / rate if rate else None


@dataclass(frozen=True, slots=True)
class Place:
    """A source, and an item that has it.

    ``sole``: the source is one place, and has no other item. ``file_id`` counts on with each file that is put
    down: of two for one source, the later one has the larger.
    """

    source: str
    item_id: str
    sha256: str
    sole: bool = True
    file_id: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that is being deleted: ``name`` is an item's id, a source, or empty for the collection.

    ``hold`` takes an item out of search alone: its original, sources and edits stay.
    ``contents`` are the hashes of originals that may be unused afterwards.
    """

    id: int
    scope: Scope
    target: Literal["item", "source", "collection", "hold"]
    name: str
    contents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that is done from time to time: when it ended last, and what came of it."""

    name: str
    ended_at: float
    said: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that a later pass is to look at, and how often that was tried."""

    scope: Scope
    item_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Said:
    """What the sources of an item say of it; the origins are those of ``Item``'s metadata."""

    caption: str = ""
    caption_origin: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    tags_origin: str = ""
    metadata: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person says of an item, and what is ``said`` by its sources beneath it.

    ``caption`` and ``tags``: None where the person said nothing; an empty one is meant to be empty.
    ``metadata``: values that take the place of those of the same key, None where a key is taken away.
    """

    caption: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    said: Said = Said()

    def __bool__(self) -> bool:
        return self.caption is not None or self.tags is not None or bool(self.metadata)


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without its secret. ``prefix`` begins the secret and may be shown.

    ``old_until``: until then the secret of before the last rotation is good too. ``requests_per_minute`` and
    ``upload_bytes_per_day``: None where the server's settings count, 0 for no limit.
    """

    prefix: str
    tenant: str
    name: str
    rights: tuple[Right, ...]
    created_at: float
    rotated_at: float | None = None
    old_until: float | None = None
    expires_at: float | None = None
    revoked_at: float | None = None
    used_at: float | None = None
    requests_per_minute: int | None = None
    upload_bytes_per_day: int | None = None

    def good(self, now: float) -> bool:
        """Whether it was neither revoked nor has expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Let:
    """A key that was let in by a secret or a session, and when (Unix seconds, None: never) that ends."""

    key: Key
    until: float | None = None

    def good(self, now: float) -> bool:
        """Whether it still holds."""
        return self.key.good(now) and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was to be changed: who, what, where, and how it ended.

    ``key``: prefix of the key, empty where none was asked for. ``operation``: the route's operation id.
    ``target``: what of the collection, such as an item's id. ``status``: of the HTTP answer; None: under way,
    or the server ended before it was over.
    """

    id: int
    at: float
    tenant: str
    key: str
    operation: str
    path: str
    collection: str
    target: str
    address: str
    request_id: str
    status: int | None
