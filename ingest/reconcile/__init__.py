"""Originals, records and Milvus compared with one another, and put right."""

from ingest.reconcile.differences import ALL, SAFE, Difference, Report
from ingest.reconcile.reconciling import CHORE, chore_of, reconcile

__all__ = ["ALL", "CHORE", "SAFE", "Difference", "Report", "chore_of", "reconcile"]
