"""One batch of files on its way: fetched, described, encoded, written, verified.

What lies between two stages is in memory. A batch that was broken off begins again from the records.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Final, Literal, TypeAlias, get_args

from ingest import frames, reading, steps
from ingest.caption_pass import awaited_captions
from ingest.decoding import picture
from ingest.locating import taken_up
from ingest.moderating import keep_out_decided, moderate
from ingest.ocr_pass import awaited
from ingest.removal import drop_staged, drop_unused
from ingest.retrying import Patience
from ingest.sandbox import Sandbox
from ingest.settled import tell_begun, tell_settled
from ingest.sounds import is_sound
from ingest.sounds import reading as sounds
from ingest.sounds.of_videos import encode_sound_parts
from ingest.sources import Reading
from ingest.steps import Task, waiting
from ingest.system import BATCH, Parts
from ingest.truncation import note_truncated
from ingest.videos import is_video
from ingest.videos import reading as videos
from ingest.writing import Writer, item_of
from rag.errors import ModelUnavailable, OlharError
from rag.observing import step
from rag.records.jobs import TRIED
from rag.records.types import Batch, FileRow, Outcome, Place
from rag.types import Item

Stage: TypeAlias = Literal["fetch", "describe", "encode", "write", "verify"]
log = logging.getLogger(__name__)
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
CANCELLED: Final = "its job was cancelled; retrying the job takes it up again"
AGAIN: Final = "stored by this job before it was interrupted"
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
        self._unused: set[str] = set()
        self._own: set[int] = set()
        self._writer = Writer(parts, batch.scope, self._begun, clock)
        tell_begun(batch)

    def advance(self, stage: Stage) -> None:
        """Carry out the stages up to this one that were not carried out yet."""
        for name in STAGES[: STAGES.index(stage) + 1]:
            if name not in self._done:
                started = time.perf_counter()
                with step(f"ingest {name}", batch=self.batch.id, files=len(waiting(self._tasks))):
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
            edits = self._parts.records.edits.of(self.batch.scope, [item.id for item in stored])
        except OlharError as error:
            for task in todo:
                task.refused(error)
            return
        known = {item.id: item for item in stored}
        self._each(lambda task: steps.restore(task, blobs), [task for task in todo if task.item_id in known])
        steps.compare(waiting(todo), known, edits, self._begun)
        new = [task for task in waiting(todo) if task.plan == "index"]
        self._each(self._open, new)
        self._timed("describe", started)

    def _open(self, task: Task) -> None:
        """A new file's bytes to pixels, also of further frames and pages, or to a document's parts."""
        settings, blobs = self._parts.settings, self._parts.blobs
        claim = partial(self._claim, task.item_id)
        if is_sound(task.data):
            sounds.read(task, self._parts.encoder, self._sandbox, blobs, settings)
        elif is_video(task.data, task.name):
            encoder = self._parts.encoder
            videos.read(task, self._item(task), encoder, self._sandbox, blobs, settings, claim)
        elif not reading.is_document(task):
            data, opened = task.data, partial(picture, sandbox=self._sandbox, settings=settings)
            steps.decode(task, blobs, opened, settings.thumbnail)
            if task.receipt is None and frames.has_further(data, settings):
                frames.read(task, data, self._item(task), self._sandbox, blobs, settings, claim)
        elif task.receipt is None:
            reading.read(task, self._item(task), self._sandbox, blobs, settings, claim)

    def _item(self, task: Task) -> Item:
        return item_of(task, self.batch.scope, int(self._clock()))

    def _claim(self, item_id: str, figures: Sequence[str]) -> None:
        """Pictures of a document on its way are in use."""
        if figures:
            with self._parts.records.originals():
                self._parts.records.places.put_figures(self.batch.scope, {item_id: figures})

    def _encode(self, _: float) -> None:
        todo = [task for task in waiting(self._tasks) if task.plan != "attach"]
        batch = self._parts.settings.encoder_batch or BATCH
        with self._turn:
            started = time.perf_counter()
            if any(task.pixels is not None for task in todo):
                steps.encode_pictures(todo, self._parts.encoder.encode_images, batch)
            if any(task.sound is not None for task in todo):
                steps.encode_sounds(todo, sounds.hearing(self._parts.encoder), batch)
            for task in waiting(todo):
                if task.parts:
                    self._encode_parts(task, batch)
            moderate(self._parts, self.batch.scope, waiting(todo))
            if any(task.new_words and task.described.words for task in waiting(todo)):
                steps.encode_captions(todo, self._parts.text_encoder.encode_documents, batch)
                note_truncated(todo, self._parts.text_encoder)
        self._timed("encode", started)

    def _encode_parts(self, task: Task, batch: int) -> None:
        parts = self._parts
        try:
            reading.encode_parts(
                task.parts,
                parts.blobs,
                parts.encoder,
                parts.text_encoder,
                batch,
                parts.settings.max_pixels,
            )
            encode_sound_parts(task.parts, parts.blobs, parts.encoder, self._sandbox, parts.settings, batch)
        except ModelUnavailable:
            raise
        except OlharError as error:
            task.refused(error)

    def _write(self, _: float) -> None:
        """Say where each source is going to be, write, and say where it is; nobody else writes meanwhile."""
        parts, scope = self._parts, self.batch.scope
        places = parts.records.places
        with parts.records.writing_to(scope):
            started = time.perf_counter()
            self._drop_unwanted()
            self._writer.settle_plans(waiting(self._tasks))
            # A person may have decided since the pictures were judged.
            keep_out_decided(parts, scope, waiting(self._tasks))
            todo = waiting(self._tasks)
            settled = [task for task in self._tasks if task.receipt is not None and task.receipt.item_id]
            before = places.of(scope, [task.file.source for task in [*todo, *settled]])
            noted = {(place.source, place.item_id): place.file_id for place in before}
            mine = [t for t in self._tasks if noted.get((t.file.source, t.item_id)) == t.place]
            self._own = {task.place for task in mine}
            if todo:
                # Should this be broken off, the next run knows whose work it finds, and where.
                parts.records.batching.note({task.place: {"plan": task.plan} for task in todo})
                places.add(scope, [_place(task) for task in todo])
                self._expect(todo)
            self._writer.write(todo, settled)
            self._note_places(todo, before)
            self._timed("write", started)

    def _expect(self, todo: Sequence[Task]) -> None:
        """What the later passes are to look at."""
        settings, records = self._parts.settings, self._parts.records
        scope = self.batch.scope
        records.readings.expect(scope, [i for task in todo for i in awaited(task, settings.ocr)])
        described = [i for task in todo for i in awaited_captions(task, settings.captioner)]
        records.captionings.expect(scope, described)

    def _note_places(self, written: Sequence[Task], before: Sequence[Place]) -> None:
        scope, places = self.batch.scope, self._parts.records.places
        known = {(place.source, place.item_id): place.file_id for place in before}
        stored = [task for task in self._tasks if task.receipt is not None and task.receipt.item_id]
        now = [_place(task) for task in stored]
        earlier = _earlier(before)
        places.put(
            scope,
            [
                place
                for place in now
                if known.get((place.source, place.item_id), -1) < place.file_id or earlier(place)
            ],
        )
        # What failed while the store was away may be there all the same: its place and its original stay.
        lost = [task for task in written if task not in stored and not task.transient]
        pairs = [(task.file.source, task.item_id) for task in lost]
        places.forget_pairs(scope, [pair for pair in pairs if pair not in known])
        places.forget_figures(scope, [task.item_id for task in lost if task.figures])
        self._unused |= {place.sha256 for place in before}
        self._unused |= places.without_items(scope, self._writer.gone)
        self._parts.records.edits.forget(scope, self._writer.gone)
        self._unused |= {sha256 for task in lost for sha256 in task.figures}
        self._forget_kept_out(written)
        self._forget_held(before)

    def _forget_held(self, before: Sequence[Place]) -> None:
        """What moderation holds goes with its last source, as what is stored does."""
        scope, records = self.batch.scope, self._parts.records
        moved = {place.item_id for place in before} - {task.item_id for task in self._tasks}
        held = records.reviews.held(scope, sorted(moved), decided=True).keys()
        left = sorted(held - records.places.sourced(scope, sorted(held)))
        records.edits.forget(scope, left)
        records.reviews.release_items(scope, left)

    def _forget_kept_out(self, written: Sequence[Task]) -> None:
        """Pictures of documents that were refused before they were written are used by nothing."""
        refused = [t for t in self._tasks if t.figures and t.receipt and not t.receipt.item_id]
        refused = [task for task in refused if task not in written and not task.transient]
        ids = [task.item_id for task in refused]
        there = {item.id for item in self._parts.store.get(self.batch.scope, "image", ids)} if ids else set()
        gone = [task for task in refused if task.item_id not in there]
        self._parts.records.places.forget_figures(self.batch.scope, [task.item_id for task in gone])
        self._unused |= {sha256 for task in gone for sha256 in task.figures}

    def _verify(self, started: float) -> None:
        """Every row was read back, every source has its place: now, and not before, receipts are given."""
        self._timed("verify", started)
        outcomes = self.outcomes()
        self._parts.records.batching.finish(self.batch.id, outcomes)
        tell_settled(self._parts.records, self.batch, outcomes)
        unstored = {task.sha256 for task in self._tasks if not (task.receipt and task.receipt.item_id)}
        try:
            drop_unused(self._parts, self._unused | unstored)
            drop_staged(self._parts, [row.staged for row in self.batch.files])
        except OlharError as error:  # the receipts are given: what is left over takes room, and nothing else
            log.warning("what nothing needs any more could not be deleted: %s", error)

    def _drop_unwanted(self) -> None:
        """What was cancelled, or deleted with its collection, is not written any more."""
        if waiting(self._tasks):
            wanted = self._parts.records.batching.wanted(self.batch.id)
            for task in waiting(self._tasks):
                if task.place not in wanted:
                    task.done("failed", CANCELLED)

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
        if status == "unchanged" and (plan := self._carried_out(row)) in steps.MADE:
            # An earlier run of this very batch wrote it and was broken off before it could say so.
            status = steps.MADE[plan]
            reason = reason or AGAIN
        retryable = task.transient or status == "failed"
        return Outcome(row.id, status, receipt.item_id, reason, retryable, steps_ms=dict(self._steps_ms))

    def _carried_out(self, row: FileRow) -> str:
        """What an earlier run was about to do with a file that is stored now; empty if another did it."""
        if not row.plan.startswith(TRIED):
            return row.plan
        return row.plan.removeprefix(TRIED) if row.id in self._own else ""

    def _drop_cancelled(self) -> None:
        if waiting(self._tasks) and (gone := self._parts.records.batching.cancelled(self.batch.id)):
            for task in waiting(self._tasks):
                if task.place in gone:
                    task.done("failed", CANCELLED)

    def _each(self, do: Callable[[Task], None], tasks: Sequence[Task]) -> None:
        list(self._readers.map(do, tasks))

    def _timed(self, stage: Stage, started: float) -> None:
        self._steps_ms[stage] = round(1000 * (time.perf_counter() - started), 1)


def _earlier(before: Sequence[Place]) -> Callable[[Place], bool]:
    """Whether a source is still noted with items of before its present one, and with none of after it.

    A run that was broken off between the two notes of a place leaves it so.
    """
    others: dict[str, list[Place]] = {}
    for place in before:
        others.setdefault(place.source, []).append(place)

    def found(place: Place) -> bool:
        rest = [one for one in others.get(place.source, ()) if one.item_id != place.item_id]
        return bool(rest) and all(one.file_id < place.file_id for one in rest)

    return found


def _place(task: Task) -> Place:
    return Place(task.file.source, task.item_id, task.sha256, task.file.replaces, task.place)
