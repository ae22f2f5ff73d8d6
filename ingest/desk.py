"""The batches that are in flight in this process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ingest.batch import BatchRun, Stage
from ingest.gate import Gate
from ingest.retrying import Patience
from ingest.sandbox import Sandbox
from ingest.system import BATCH_BYTES, READERS, Parts
from rag.records.types import Outcome

log = logging.getLogger(__name__)


class Ended(BaseException):
    """A batch comes too late: this process ends. No ``Exception``, so that DBOS counts it as not done."""


class Desk:
    """Takes up batches, moves them on stage by stage, and sees to it that each comes to an end.

    Safe for several threads. Close it, or use it in a ``with``.
    """

    def __init__(
        self, parts: Parts, *, patience: Patience | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.parts = parts
        _ = parts.moderator  # a policy that is wrong is told before any file is taken up
        self._patience = patience or Patience()
        self._clock = clock
        self._gate = Gate()
        self._encoding = threading.Lock()
        self._readers = ThreadPoolExecutor(READERS, "olhar-read")
        self._sandbox = Sandbox(parts.settings.parse_processes, parts.settings.parse_memory)
        self._runs: dict[int, BatchRun] = {}
        self._ending = False

    def form(self) -> int | None:
        """Make the next batch of what is due; None when nothing is."""
        return self.parts.records.batching.form(self.parts.settings.batch, BATCH_BYTES)

    def begin(self, batch_id: int) -> bool:
        """Take up a batch; whether there is anything to do. What began here has to be ended.

        Raises Ended when no more is taken up here.
        """
        batching = self.parts.records.batching
        self._gate.enter(alone=batching.is_suspect(batch_id))
        try:
            if self._ending:
                raise Ended
            batch = batching.begin(batch_id)
            if batch is not None:
                self._runs[batch_id] = BatchRun(
                    self.parts,
                    batch,
                    self._readers,
                    self._sandbox,
                    self._encoding,
                    self._patience,
                    self._clock,
                )
        except BaseException:
            self._gate.leave()
            raise
        if batch is None:
            self._gate.leave()
        return batch is not None

    def advance(self, batch_id: int, stage: Stage) -> None:
        """Carry out the batch's stages up to this one. Raises whatever no single file is to blame for."""
        self._runs[batch_id].advance(stage)

    def end(self, batch_id: int) -> None:
        """The batch has come to its end."""
        self._runs.pop(batch_id)
        self._gate.leave()

    def give_back(self, batch_id: int, error: Exception | None = None) -> None:
        """End a batch that could not be taken to its end: its files wait again.

        With ``error`` that counts as a try of each, and one that has had its tries fails.
        """
        run = self._runs.pop(batch_id)
        log.info("batch given back", extra={"told": {"batch": batch_id, "error": str(error or "stopped")}})
        # What breaks because this process ends is nobody's fault.
        outcomes: list[Outcome] = [] if error is None or self._ending else run.outcomes(error)
        try:
            self.parts.records.batching.finish(batch_id, outcomes)
        finally:
            self._gate.leave()

    def drain(self, seconds: float) -> bool:
        """Begin no more, and wait for those in flight; what takes longer goes on elsewhere: no crash.

        Whether all came to their end.
        """
        self._ending = True
        deadline = time.monotonic() + seconds
        while self._runs and time.monotonic() < deadline:
            time.sleep(0.02)
        late = list(self._runs)
        for batch_id in late:
            self.parts.records.batching.release(batch_id)
        return not late

    def close(self, *, wait: bool = True) -> None:
        """End the threads, and ``wait`` for that; nothing may be begun afterwards."""
        self._readers.shutdown(wait=wait, cancel_futures=True)
        self._sandbox.close()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
