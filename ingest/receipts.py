"""What became of each file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast, get_args

from rag.records.types import FileRow

Status: TypeAlias = Literal["indexed", "duplicate", "unchanged", "quarantined", "failed"]
"""``indexed``: stored and read back. ``duplicate``: the same bytes are there from another source, to
which this one was added. ``unchanged``: nothing to do. ``quarantined``: the file cannot be used as it
is. ``failed``: it could not be done this time, or a sidecar is wrong."""

STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class FileReceipt:
    """What became of one file. ``item_id`` is empty where there is no item; ``reason`` is for people.

    ``steps_ms``: how many milliseconds each step took for the batch that the file was in.
    """

    source: str
    status: Status
    item_id: str = ""
    reason: str = ""
    steps_ms: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The receipts of one ingestion, in the order of its files."""

    collection: str
    files: tuple[FileReceipt, ...]

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many files of each status; all five are there."""
        counted = Counter(receipt.status for receipt in self.files)
        return {status: counted[status] for status in STATUSES}


def receipt_of(row: FileRow) -> FileReceipt:
    """The receipt that the records hold of a file; it has one."""
    return FileReceipt(row.source, cast(Status, row.status), row.item_id, row.reason, row.steps_ms)
