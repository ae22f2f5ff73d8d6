"""The tables. A change here needs a migration beside it: a test compares the two."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("all_captions", Boolean, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("numbered", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("touched_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Index(None, "tenant", "created_at"),
)

batches: Final = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("all_captions", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("suspect", Boolean, nullable=False),
    Column("crashes", Integer, nullable=False),
    Index(None, "state"),
    sqlite_autoincrement=True,  # a number that was used is not used again
)

files: Final = Table(
    "files",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("locator", JSON, nullable=False),
    Column("description", JSON, nullable=False),
    Column("replaces", Boolean, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("batch_id", Integer),
    Column("suspect", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("staged", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("plan", String(16), nullable=False),
    Column("number", Integer),
    Column("status", String(16), nullable=False),
    Column("item_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("retryable", Boolean, nullable=False),
    Column("steps_ms", JSON, nullable=False),
    Column("finished_at", Float),
    Index(None, "job_id", "place", unique=True),
    Index(None, "job_id", "number"),
    Index(None, "state", "place"),
    Index(None, "state", "due_at"),
    Index(None, "staged"),
    Index(None, "batch_id"),
    Index(None, "sha256"),
    sqlite_autoincrement=True,
)

places: Final = Table(
    "places",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("file_id", Integer, nullable=False),
    Index(None, "tenant", "collection", "item_id"),
    Index(None, "sha256"),
)

removals: Final = Table(
    "removals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("target", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("contents", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
)

workers: Final = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seen_at", Float, nullable=False),
)

chores: Final = Table(
    "chores",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("begun_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("said", JSON, nullable=False),
)

passes: Final = Table(
    "passes",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("tenant", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "kind", "state", "due_at"),
)

model_captions: Final = Table(
    "model_captions",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("asked", String(64), primary_key=True),
    Column("caption", Text, nullable=False),
)

edits: Final = Table(
    "edits",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("parent_id", Text, nullable=False),
    Column("caption", Text),
    Column("tags", JSON(none_as_null=True)),
    Column("metadata", JSON, nullable=False),
    Column("said", JSON, nullable=False),
)

threads: Final = Table(
    "threads",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("touched_at", Float, nullable=False),
    Column("turns", Integer, nullable=False),
    Index(None, "tenant", "touched_at"),
)

thread_turns: Final = Table(
    "thread_turns",
    metadata,
    Column("thread_id", String(32), ForeignKey("threads.id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("role", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("answer", String(32), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("cited", JSON, nullable=False),
    Column("model", Text, nullable=False),
    Index(None, "answer"),
)

classifiers: Final = Table(
    "classifiers",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("fingerprint", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("examples", JSON, nullable=False),
    Column("weights", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
)

reviews: Final = Table(
    "reviews",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("item_id", String(32), nullable=False),
    Column("source", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("policy", Text, nullable=False),
    Column("flagged", JSON, nullable=False),
    Column("scores", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("held", Boolean, nullable=False),
    Column("place", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index(None, "tenant", "at"),
    Index(None, "tenant", "collection", "sha256"),
)

decisions: Final = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("review", String(32), nullable=False),
    Column("tenant", Text, nullable=False),
    Column("decision", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index(None, "review"),
    sqlite_autoincrement=True,
)

feedback: Final = Table(
    "feedback",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("answer", String(32), nullable=False),
    Column("rating", String(8), nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("question", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("cited", JSON, nullable=False),
    Column("model", Text, nullable=False),
    Index(None, "tenant", "answer", unique=True),
    Index(None, "tenant", "at"),
)

keys: Final = Table(
    "keys",
    metadata,
    Column("prefix", String(16), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("rights", JSON, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("old_hash", String(64), nullable=False),
    Column("old_until", Float),
    Column("created_at", Float, nullable=False),
    Column("rotated_at", Float),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("used_at", Float),
    Column("requests_per_minute", Integer),
    Column("upload_bytes_per_day", BigInteger),
    Index(None, "tenant"),
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("key", String(16), nullable=False),
    Column("until", Float, nullable=False),
    Index(None, "key"),
    Index(None, "until"),
)

uploaded: Final = Table(
    "uploaded",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("key", String(16), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("address", String(64), nullable=False),
    Column("request_id", Text, nullable=False),
    Column("status", Integer),
    Index(None, "tenant", "id"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)
