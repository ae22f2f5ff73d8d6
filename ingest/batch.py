"""One batch of files on its way: fetched, described, encoded, written, verified.

What lies between two stages is in memory. A batch that was broken off begins again from the records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Final, Literal, TypeAlias, get_args

from ingest import reading, steps
from ingest.locating import STAGED, taken_up
from ingest.removal import drop_staged, drop_unused
from ingest.retrying import Patience
from ingest.sandbox import Sandbox
from ingest.sources import Reading
from ingest.steps import Task, waiting
from ingest.system import BATCH, Parts
from ingest.truncation import note_truncated
from ingest.writing import Writer, item_of
from rag.errors import InvalidInput, OlharError
from rag.records.types import Batch, Outcome, Place

Stage: TypeAlias = Literal["fetch", "describe", "encode", "write", "verify"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
CANCELLED: Final = "its job was cancelled; retrying the job takes it up again"
VANISHING: Final = 3
"""So often is a file tried again at once whose item went away meanwhile."""
VANISHED: Final = "its item keeps being deleted; trying again may help"


class BatchRun:
    """Takes a batch through its stages. ``turn`` is entered while it encodes: one batch at a time."""

    def __init__(
        self,
        parts: Parts,
        batch: Batch,
        readers: ThreadPoolExecutor,
        sandbox: Sandbox,
        turn: AbstractContextManager[object],
        patience: Patience,
        clock: Callable[[], float],
    ) -> None:
        self.batch = batch
        self._parts = parts
        self._readers = readers
        self._sandbox = sandbox
        self._clock = clock
        self._turn = turn
        self._patience = patience
        self._done: list[Stage] = []
        self._steps_ms: dict[str, float] = {}
        self._reading = Reading.of(parts.settings, local=False)
        self._rows = {row.id: row for row in batch.files}
        self._tasks = [self._task(row.id) for row in batch.files]
        self._begun: dict[str, Task] = {}
        self._vanished: set[int] = set()
        self._writer = Writer(parts.store, batch.scope, self._begun, parts.records.places, clock)

    def advance(self, stage: Stage) -> None:
        """Carry out the stages up to this one that were not carried out yet."""
        for name in STAGES[: STAGES.index(stage) + 1]:
            if name not in self._done:
                started = time.perf_counter()
                self._drop_cancelled()
                getattr(self, f"_{name}")(started)
                self._done.append(name)

    def outcomes(self, error: Exception | None = None) -> list[Outcome]:
        """What became of each file; ``error`` is what those without a receipt failed of."""
        for task in waiting(self._tasks):
            self._vanished |= {task.place} if error is None else set()
            task.refused(error if error is not None else OlharError(VANISHED), transient=True)
        return [self._outcome(task) for task in self._tasks]

    def _task(self, file_id: int) -> Task:
        row = self._rows[file_id]
        try:
            file = taken_up(row, self._parts.staged, self._reading)
        except OlharError as error:
            file = steps.unreadable(row.source, error)
        return Task.of(row.id, file, all_captions=self.batch.all_captions)

    def _fetch(self, started: float) -> None:
        settings = self._parts.settings
        scope = self.batch.scope
        load = partial(
            steps.load, scope=scope, max_bytes=settings.max_bytes, file_metadata=settings.file_metadata
        )
        self._each(load, waiting(self._tasks))
        known = waiting(self._tasks)
        # Whoever deletes an original that nothing uses sees from here on that these are used.
        with self._parts.records.originals():
            self._parts.records.batching.note({task.place: {"sha256": task.sha256} for task in known})
        self._timed("fetch", started)

    def _describe(self, started: float) -> None:
        todo = waiting(self._tasks)
        blobs = self._parts.blobs
        ids = [task.item_id for task in todo]
        try:
            stored = self._parts.store.get(self.batch.scope, "image", ids) if ids else []
        except OlharError as error:
            for task in todo:
                task.refused(error)
            return
        known = {item.id: item for item in stored}
        self._each(lambda task: steps.restore(task, blobs), [task for task in todo if task.item_id in known])
        steps.compare(waiting(todo), known, self._begun)
        new = [task for task in waiting(todo) if task.plan == "index"]
        self._each(self._open, new)
        self._timed("describe", started)

    def _open(self, task: Task) -> None:
        """A new file's bytes to pixels, or to the parts of a document."""
        settings, blobs = self._parts.settings, self._parts.blobs
        if not reading.is_document(task):
            steps.decode(task, blobs, settings.max_pixels, settings.thumbnail)
        elif task.receipt is None:
            item = item_of(task, self.batch.scope, int(self._clock()))
            reading.read(task, item, self._sandbox, blobs, settings)

    def _encode(self, _: float) -> None:
        todo = [task for task in waiting(self._tasks) if task.plan != "attach"]
        batch = self._parts.settings.encoder_batch or BATCH
        with self._turn:
            started = time.perf_counter()
            if any(task.pixels is not None for task in todo):
                steps.encode_pictures(todo, self._parts.encoder.encode_images, batch)
            for task in waiting(todo):
                if task.parts:
                    self._encode_parts(task, batch)
            if any(task.new_words and task.described.words for task in waiting(todo)):
                steps.encode_captions(todo, self._parts.text_encoder.encode_documents, batch)
                note_truncated(todo, self._parts.text_encoder)
        self._timed("encode", started)

    def _encode_parts(self, task: Task, batch: int) -> None:
        parts = self._parts
        try:
            reading.encode_parts(
                task.parts, parts.encoder, parts.text_encoder, batch, parts.settings.max_pixels
            )
        except InvalidInput as error:
            task.refused(error)

    def _write(self, _: float) -> None:
        if not (todo := waiting(self._tasks)):
            return
        records = self._parts.records
        with records.writing_to(self.batch.scope):
            started = time.perf_counter()
            self._writer.settle_plans(todo)
            # Should this be broken off, the next run knows whose work it finds.
            records.batching.note({task.place: {"plan": task.plan} for task in todo})
            self._writer.write(todo)
            self._timed("write", started)

    def _verify(self, started: float) -> None:
        """Say where each source is now; then, and not before, the receipts are given."""
        parts, scope = self._parts, self.batch.scope
        stored = [task for task in self._tasks if task.receipt is not None and task.receipt.item_id]
        places = parts.records.places
        with parts.records.writing_to(scope):
            before = places.of(scope, [task.file.source for task in stored])
            now = [Place(t.file.source, t.item_id, t.sha256, t.file.replaces) for t in stored]
            places.put(scope, [place for place in now if replace(place, sole=True) not in before])
            places.put_figures(scope, {task.item_id: task.figures for task in stored if task.figures})
        self._timed("verify", started)
        parts.records.batching.finish(self.batch.id, self.outcomes())
        unstored = {task.sha256 for task in self._tasks if task not in stored}
        drop_unused(parts, unstored | {place.sha256 for place in before})
        drop_staged(parts, [str(row.locator.get(STAGED, "")) for row in self.batch.files])

    def _outcome(self, task: Task) -> Outcome:
        row, receipt = self._rows[task.place], task.receipt
        assert receipt is not None
        status, reason = receipt.status, receipt.reason
        if status == "failed" and task.transient:
            # Files that change places in a crowd delete each other's items: nothing is broken then.
            soon = row.id in self._vanished and row.attempts < VANISHING
            pause = 0.0 if soon else self._patience.after(row.attempts)
            if pause is not None:
                return Outcome(row.id, "", reason=reason, after=pause)
        if status == "unchanged" and row.plan in steps.MADE:
            # An earlier run of this very batch wrote it and was broken off before it could say so.
            status = steps.MADE[row.plan]
        retryable = task.transient or status == "failed"
        return Outcome(row.id, status, receipt.item_id, reason, retryable, steps_ms=dict(self._steps_ms))

    def _drop_cancelled(self) -> None:
        if waiting(self._tasks) and (gone := self._parts.records.batching.cancelled(self.batch.id)):
            for task in waiting(self._tasks):
                if task.place in gone:
                    task.done("failed", CANCELLED)

    def _each(self, do: Callable[[Task], None], tasks: Sequence[Task]) -> None:
        list(self._readers.map(do, tasks))

    def _timed(self, stage: Stage, started: float) -> None:
        self._steps_ms[stage] = round(1000 * (time.perf_counter() - started), 1)
