"""Rows of the database to values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rag.records.types import FileRow, Job
from rag.types import Scope

FIELDS = frozenset(FileRow.__dataclass_fields__)


def to_file(row: Mapping[Any, Any]) -> FileRow:
    """A row of ``files``."""
    return FileRow(**{name: value for name, value in row.items() if name in FIELDS})


def to_job(row: Mapping[Any, Any], counts: Mapping[str, int]) -> Job:
    """A row of ``jobs``, with its receipts counted by status."""
    return Job(
        id=row["id"],
        scope=Scope(row["tenant"], row["collection"]),
        state=row["state"],
        all_captions=row["all_captions"],
        total=row["total"],
        done=row["done"],
        counts=dict(counts),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
