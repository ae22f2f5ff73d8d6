"""Whether originals, records and Milvus agree, and putting them right."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import Admin
from api.record_schemas import LastReconciledOut, ReconciledOut
from api.security.needs import ADMIN, READ

router = APIRouter(tags=["reconcile"])


@router.post("/v1/reconcile", operation_id="reconcile", dependencies=[ADMIN])
def reconcile(admin: Admin, repair: Annotated[bool, Query()]) -> ReconciledOut:
    """Compare originals, records and Milvus now; with `repair` put right what can be."""
    return admin.reconcile(repair=repair)


@router.get("/v1/reconcile", operation_id="reconciled", dependencies=[READ])
def reconciled(admin: Admin) -> LastReconciledOut:
    """What was found the last time."""
    return admin.reconciled()
