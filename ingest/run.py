"""A job from its first file to its last receipt in this process, without a queue.

While one batch is encoded, the next is read and decoded and the one before is written.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from ingest.adopting import adopt
from ingest.batch import Stage
from ingest.caption_pass import refuse_blind
from ingest.desk import Desk
from ingest.passes import finish_waiting
from ingest.queue import Queue
from ingest.receipts import FileReceipt, IngestReport, receipt_of
from ingest.retrying import Patience
from ingest.sources import SourceFile
from ingest.system import Parts
from rag.errors import Unavailable
from rag.types import Scope

LONGEST_WAIT_S = 1.0
log = logging.getLogger(__name__)


def ingest(
    parts: Parts,
    scope: Scope,
    files: Iterable[SourceFile],
    *,
    all_captions: bool = False,
    on_file: Callable[[FileReceipt], None] = lambda _: None,
    patience: Patience | None = None,
    clock: Callable[[], float] = time.time,
) -> IngestReport:
    """Put files into a collection, with a receipt for each; what is there already stays as it is.

    ``on_file`` gets each receipt as soon as it is known, in the calling thread. One bad file hurts no other.
    Jobs that an earlier process left unfinished are finished too, and the later passes (text in pictures,
    captions) come last. Raises InvalidInput when ``scope`` names no collection, and ModelUnavailable when the
    encoder cannot be had; what has been indexed until then stays, and the rest waits for the next run. A
    captioner that is not installed or cannot see, and a moderation policy that is wrong (BadSettings), are
    refused before anything is done.
    """
    refuse_blind(parts)
    _ = parts.moderator  # a policy that is wrong is no fault of any file
    adopt(parts)
    queue = Queue(parts)
    job_id = queue.submit(scope, files, all_captions=all_captions)
    seen = 0

    def tell() -> None:
        nonlocal seen
        for row in queue.settled(scope.tenant, job_id, seen):
            seen = row.number or seen
            on_file(receipt_of(row))

    with Desk(parts, patience=patience, clock=clock) as desk:
        tell()
        drain(desk, tell)
    finish_waiting(parts)
    return queue.report(scope, job_id)


def drain(desk: Desk, on_batch: Callable[[], None] = lambda: None) -> None:
    """Work until no file waits. ``on_batch`` is called in this thread after a batch has ended.

    Raises what no file is to blame for; the batches in flight wait again then.
    """
    _Drain(desk, on_batch).run()


class _Drain:
    """Up to three batches in flight: one being prepared, one encoded, one written."""

    def __init__(self, desk: Desk, on_batch: Callable[[], None]) -> None:
        self._desk = desk
        self._batching = desk.parts.records.batching
        self._on_batch = on_batch
        self._left = deque(self._batching.unfinished())

    def run(self) -> None:
        with _threads() as (ahead, writer):
            preparing: Future[int | None] | None = None
            writing: Future[None] | None = None
            try:
                while True:
                    preparing = preparing or ahead.submit(self._prepare)
                    batch_id, preparing = preparing.result(), None
                    if batch_id is not None:
                        preparing = ahead.submit(self._prepare)
                        if not self._advance(batch_id, "encode"):
                            continue
                    before, writing = writing, None
                    if batch_id is not None:
                        writing = writer.submit(self._conclude, batch_id)
                    if before is not None:
                        before.result()
                        self._on_batch()
                    elif batch_id is None and not self._wait():
                        return
            except BaseException:
                self._abandon(preparing)
                raise

    def _prepare(self) -> int | None:
        """Take the next batch as far as the encoder; None when nothing is due."""
        while (batch_id := self._left.popleft() if self._left else self._desk.form()) is not None:
            if self._desk.begin(batch_id) and self._advance(batch_id, "describe"):
                return batch_id
        return None

    def _conclude(self, batch_id: int) -> None:
        if self._advance(batch_id, "verify"):
            self._desk.end(batch_id)

    def _advance(self, batch_id: int, stage: Stage) -> bool:
        """Whether it came that far; if not, its files will be tried again one by one, to find the culprit.

        Raises what no file is to blame for.
        """
        try:
            self._desk.advance(batch_id, stage)
        except Exception as error:
            if isinstance(error, Unavailable):
                self._desk.give_back(batch_id)
                raise
            log.exception("batch %d broke off", batch_id)
            self._desk.give_back(batch_id, error)
            return False
        except BaseException:
            self._desk.give_back(batch_id)
            raise
        return True

    def _wait(self) -> bool:
        """Until a file is due; False when none waits."""
        pause = self._batching.due_in()
        if pause:
            time.sleep(min(pause, LONGEST_WAIT_S))
        return pause is not None

    def _abandon(self, preparing: Future[int | None] | None) -> None:
        if preparing is None or preparing.cancel():
            return
        try:
            batch_id = preparing.result()
        except Exception:  # the first error is the one to be told
            return
        if batch_id is not None:
            self._desk.give_back(batch_id)


@contextmanager
def _threads() -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
    """A thread that prepares the next batch, and one that writes. What has begun is finished."""
    pools = [ThreadPoolExecutor(1, name) for name in ("olhar-ahead", "olhar-write")]
    try:
        yield pools[0], pools[1]
    finally:
        for pool in reversed(pools):
            pool.shutdown(wait=True, cancel_futures=True)
