"""What DBOS keeps alive: a workflow for each batch, with a step for each of its stages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from dbos import DBOS, SetWorkflowID

from ingest.batch import STAGES, Stage
from ingest.desk import Desk
from rag import observing
from rag.errors import OlharError

QUEUE: Final = "ingest"
PREFIX: Final = "batch-"
log = logging.getLogger(__name__)
_at_work: list[Desk] = []


def work_at(desk: Desk | None) -> None:
    """Where the workflows of this process do their work; None: nowhere, until another desk is named."""
    _at_work[:] = [desk] if desk is not None else []


def enqueue(batch_id: int) -> None:
    """Queue the workflow of a batch; it runs once, however often it is queued."""
    with SetWorkflowID(f"{PREFIX}{batch_id}"):
        DBOS.enqueue_workflow(QUEUE, ingest_batch, batch_id)


@DBOS.workflow(name="ingest")
def ingest_batch(batch_id: int) -> None:
    """Take a batch to its end. What lies in memory between the steps is made again after a crash."""
    desk = _at_work[0]
    if not desk.begin(batch_id):
        return
    try:
        with observing.step("ingest batch", batch=batch_id):
            for step in STEPS:
                step(batch_id)
    except Exception as error:
        if not isinstance(error, OlharError):
            log.exception("batch %d broke off", batch_id)
        desk.give_back(batch_id, error)
    except BaseException:
        desk.give_back(batch_id)
        raise
    else:
        desk.end(batch_id)


def _step(stage: Stage) -> Callable[[int], None]:
    @DBOS.step(name=stage)
    def advance(batch_id: int) -> None:
        _at_work[0].advance(batch_id, stage)

    return advance


STEPS: Final = tuple(_step(stage) for stage in STAGES)
