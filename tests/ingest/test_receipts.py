"""Every status is counted, also those that did not happen."""

from __future__ import annotations

from ingest.receipts import STATUSES, FileReceipt, IngestReport


def test_counts_name_all_statuses() -> None:
    report = IngestReport("photos", (FileReceipt("a", "indexed"), FileReceipt("b", "indexed")))
    assert report.counts == {"indexed": 2, "duplicate": 0, "unchanged": 0, "quarantined": 0, "failed": 0}
    assert tuple(report.counts) == STATUSES
