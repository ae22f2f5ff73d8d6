"""Files into a collection: the steps of ``ingest.steps`` in batches, three batches at a time.

While one batch is encoded, the next is read and decoded and the one before is written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from ingest import reading, steps
from ingest.receipts import FileReceipt, IngestReport
from ingest.sandbox import Sandbox
from ingest.sources import SourceFile
from ingest.steps import Task, waiting
from ingest.truncation import note_truncated
from ingest.writing import Writer, item_of
from rag.blobs import Blobs
from rag.errors import InvalidInput, OlharError
from rag.protocols import ImageEncoder, Store, TextEncoder
from rag.settings import Settings
from rag.types import Scope

BATCH = 64
"""Most files that are read, or encoded, at a time."""
BATCH_BYTES = 64 * 2**20
UNKNOWN_BYTES = 2**20
"""What a file is taken to have whose size is not known before it is read."""
READERS = min(4, (os.cpu_count() or 1) + 1)


class Parts(Protocol):
    """What ingestion needs of Olhar. A part that is not needed is not asked for."""

    @property
    def settings(self) -> Settings: ...

    @property
    def store(self) -> Store: ...

    @property
    def encoder(self) -> ImageEncoder: ...

    @property
    def text_encoder(self) -> TextEncoder: ...

    @property
    def blobs(self) -> Blobs: ...


def ingest(
    parts: Parts,
    scope: Scope,
    files: Iterable[SourceFile],
    *,
    all_captions: bool = False,
    on_file: Callable[[FileReceipt], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> IngestReport:
    """Put files into a collection, with a receipt for each; what is there already stays as it is.

    With ``all_captions`` every caption of a picture is indexed, not the first only. ``on_file`` gets
    each receipt as soon as it is known, in the calling thread, in no fixed order. One bad file hurts
    no other. Raises InvalidInput when ``scope`` names no collection, and ModelUnavailable when the
    encoder cannot be had; what has been indexed until then stays, and the next run goes on from there.
    """
    if scope.collection is None:
        raise InvalidInput("files are put into a collection: name one")
    receipts: dict[int, FileReceipt] = {}

    def settle(tasks: Sequence[Task]) -> None:
        for task in tasks:
            if task.receipt is not None and task.place not in receipts:
                receipts[task.place] = task.receipt
                if on_file is not None:
                    on_file(task.receipt)

    tasks = (Task.of(place, file, all_captions=all_captions) for place, file in enumerate(files))
    with Sandbox(parts.settings.parse_processes, parts.settings.parse_memory) as sandbox:
        run = _Run(parts, scope, clock, sandbox)
        run.process(tasks, settle)
        # Items that lost their last source to one file while another was about to be added to them.
        again = run.writer.again
        retried = [Task.of(task.place, task.file, all_captions=all_captions) for task in again]
        run.process(iter(retried), settle)
    for task in again:
        task.done("failed", "its item keeps being deleted; trying again may help")
    settle(again)
    return IngestReport(scope.collection, tuple(receipts[place] for place in sorted(receipts)))


class _Run:
    def __init__(self, parts: Parts, scope: Scope, clock: Callable[[], float], sandbox: Sandbox) -> None:
        self._parts = parts
        self._scope = scope
        self._clock = clock
        self._sandbox = sandbox
        self._begun: dict[str, Task] = {}
        self.writer = Writer(parts.store, scope, self._begun, clock)

    def process(self, tasks: Iterator[Task], settle: Callable[[Sequence[Task]], None]) -> None:
        """Take tasks through all steps. ``settle`` is called with tasks that may have got their receipt."""
        groups = _groups(tasks)
        encoded: list[Task] = []
        writing: Future[list[Task]] | None = None
        with _threads() as (readers, ahead, writer):
            prepare = partial(self._prepare, groups, readers)
            preparing = ahead.submit(prepare)
            while group := preparing.result():
                preparing = ahead.submit(prepare)
                settle(group)
                self._encode(group)
                settle(group)
                encoded += waiting(group)
                if len(encoded) >= self._parts.settings.batch:
                    if writing is not None:
                        settle(writing.result())
                    writing, encoded = writer.submit(self._write, encoded), []
            if writing is not None:
                settle(writing.result())
            settle(self._write(encoded))

    def _prepare(self, groups: Iterator[list[Task]], readers: ThreadPoolExecutor) -> list[Task]:
        """The next group, read, compared with what is stored, and decoded; empty at the end."""
        group = next(groups, [])
        settings = self._parts.settings
        load = partial(
            steps.load,
            scope=self._scope,
            max_bytes=settings.max_bytes,
            file_metadata=settings.file_metadata,
        )
        list(readers.map(load, waiting(group)))
        try:
            ids = [task.item_id for task in waiting(group)]
            stored = self._parts.store.get(self._scope, "image", ids) if ids else []
        except OlharError as error:
            for task in waiting(group):
                task.refused(error)
            return group
        known = {item.id: item for item in stored}
        blobs = self._parts.blobs
        there = [task for task in waiting(group) if task.item_id in known]
        list(readers.map(lambda task: steps.restore(task, blobs), there))
        steps.compare(waiting(group), known, self._begun)
        new = [task for task in waiting(group) if task.plan == "index"]
        if new:
            list(readers.map(self._open, new))
        return group

    def _open(self, task: Task) -> None:
        """A new file's bytes to pixels, or to the parts of a document."""
        settings, blobs = self._parts.settings, self._parts.blobs
        if not reading.is_document(task):
            steps.decode(task, blobs, settings.max_pixels, settings.thumbnail)
        elif task.receipt is None:
            item = item_of(task, self._scope, int(self._clock()))
            reading.read(task, item, self._sandbox, blobs, settings)

    def _encode(self, tasks: Sequence[Task]) -> None:
        todo = [task for task in waiting(tasks) if task.plan != "attach"]
        batch = self._parts.settings.encoder_batch or BATCH
        if any(task.pixels is not None for task in todo):
            steps.encode_pictures(todo, self._parts.encoder.encode_images, batch)
        for task in waiting(todo):
            if task.parts:
                self._encode_parts(task, batch)
        if any(task.new_words and task.described.words for task in waiting(todo)):
            steps.encode_captions(todo, self._parts.text_encoder.encode_documents, batch)
            note_truncated(todo, self._parts.text_encoder)

    def _encode_parts(self, task: Task, batch: int) -> None:
        try:
            reading.encode_parts(
                task.parts,
                self._parts.encoder,
                self._parts.text_encoder,
                batch,
                self._parts.settings.max_pixels,
            )
        except InvalidInput as error:
            task.refused(error)

    def _write(self, tasks: list[Task]) -> list[Task]:
        if tasks:
            self.writer.write(tasks)
        return tasks


def _groups(tasks: Iterator[Task]) -> Iterator[list[Task]]:
    """Tasks in groups whose bytes fit into memory."""
    group: list[Task] = []
    size = 0
    for task in tasks:
        own = _size(task)
        if group and (len(group) == BATCH or size + own > BATCH_BYTES):
            yield group
            group, size = [], 0
        group.append(task)
        size += own
    if group:
        yield group


def _size(task: Task) -> int:
    """Bytes, guessed where they are not known before reading."""
    return 0 if task.receipt is not None else UNKNOWN_BYTES if task.file.size is None else task.file.size


@contextmanager
def _threads() -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor, ThreadPoolExecutor]]:
    """One pool that reads and decodes, a thread that prepares the next group, a thread that writes.

    When the work is broken off, what has begun is finished and the rest is dropped.
    """
    sizes = {"olhar-read": READERS, "olhar-ahead": 1, "olhar-write": 1}
    pools = [ThreadPoolExecutor(size, name) for name, size in sizes.items()]
    try:
        yield pools[0], pools[1], pools[2]
    finally:
        for pool in reversed(pools):
            pool.shutdown(wait=True, cancel_futures=True)
