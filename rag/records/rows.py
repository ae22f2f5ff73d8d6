"""Rows of the database to values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from rag.records.schema import files
from rag.records.types import FileRow, Job
from rag.types import Scope

FILE = tuple(files.c[field.name] for field in fields(FileRow))
"""The columns to be selected for ``to_file``, in their order."""


def to_file(row: Sequence[Any]) -> FileRow:
    """A row of the columns ``FILE``, by their order: names take longer, and every file is read often."""
    return FileRow(*row)


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
