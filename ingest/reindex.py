"""Another encoder: every item's vectors anew, from the originals, into collections beside those in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol, TypeAlias

from ingest import recall, steps
from ingest.descriptions import Described
from ingest.parts import DOCUMENT, words_of
from ingest.recall import Change, Former
from ingest.receipts import FileReceipt
from ingest.sandbox import Sandbox
from ingest.sounds import reading as sounds
from ingest.sources import SourceFile
from ingest.steps import Task
from ingest.system import BATCH, READERS, Parts
from rag.errors import Conflict, InvalidInput, NotFound
from rag.images import working_picture
from rag.types import AUDIO, VIDEO, Fingerprint, Item, Kind, Leg, Row, content_hash

KINDS: tuple[Kind, ...] = ("image", "passage")
State: TypeAlias = Literal["current", "moved", "refused"]


class Collections(Protocol):
    """What is needed of ``rag.store.Rebuild``."""

    @property
    def needed(self) -> bool: ...

    def keeps(self, leg: Leg) -> bool: ...

    def made_by(self, leg: Leg) -> Fingerprint: ...

    def pages(self, kind: Kind, size: int) -> Iterator[list[tuple[Row, Row | None]]]: ...

    def write(self, rows: Sequence[Row]) -> None: ...

    def move(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Problem:
    """An item that could not be rebuilt, and why."""

    item_id: str
    source: str
    reason: str


@dataclass(slots=True)
class ReindexReport:
    """What became of a reindexing; ``kept`` items were rebuilt by an earlier run.

    ``current``: nothing had to be done. ``moved``: the rebuilt collections are in use. ``refused``: the
    old ones still are, because of the problems, or because recall fell beyond the budget. ``recall`` holds
    the legs that were compared; ``not_compared`` says why another, or all, were not.
    """

    state: State = "current"
    images: int = 0
    passages: int = 0
    kept: int = 0
    problems: list[Problem] = field(default_factory=list)
    recall: list[Change] = field(default_factory=list)
    not_compared: str = ""


def reindex(
    parts: Parts,
    collections: Collections,
    former: Former,
    *,
    budget: float,
    force: bool = False,
    on_items: Callable[[int], None] = lambda _: None,
) -> ReindexReport:
    """Rebuild all items of all tenants for the encoders of ``parts``, then put them in use.

    An item whose original is missing, damaged or cannot be encoded is a problem. With problems nothing is
    put in use, unless ``force``: then such an item keeps its texts, and has no vector where none could be
    made. Nor is anything put in use where recall@10 falls by more than ``budget`` from what the encoders in
    ``former`` reach, unless ``force``; a budget of 1 compares nothing. ``on_items`` is told how many more
    items are done. Raises Conflict when the items changed meanwhile, or when recall cannot be compared
    because an old encoder cannot be had, and Unavailable or ModelUnavailable when the originals or the
    encoder cannot be had; the old collections stay in use then, and the next run goes on.
    """
    report = ReindexReport()
    if not collections.needed:
        return report
    measured = _measured(collections, former, report, budget=budget, force=force)
    for kind in KINDS:
        for rebuilt in _Pages(parts, collections, kind):
            report.problems += [one.problem for one in rebuilt if one.problem is not None]
            report.kept += sum(one.kept for one in rebuilt)
            if kind == "image":
                report.images += len(rebuilt)
            else:
                report.passages += len(rebuilt)
            collections.write([one.row for one in rebuilt if not one.kept and (one.problem is None or force)])
            on_items(len(rebuilt))
    if not report.problems or force:
        report.recall = recall.changes(measured, collections, parts.encoder, parts.text_encoder)
    if (report.problems or not all(change.within(budget) for change in report.recall)) and not force:
        report.state = "refused"
    else:
        collections.move()
        report.state = "moved"
    return report


def _measured(
    collections: Collections, former: Former, report: ReindexReport, *, budget: float, force: bool
) -> list[recall.Before]:
    """Recall with the old encoders, before the new ones are loaded; nothing where it does not matter."""
    if budget >= 1:
        report.not_compared = "a budget of 1 allows any recall"
        return []
    try:
        measured, report.not_compared = recall.before(collections, former)
    except Conflict as error:
        if not force:
            raise
        measured, report.not_compared = [], str(error)
    return measured


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    row: Row
    kept: bool = False
    problem: Problem | None = None


@dataclass(slots=True)
class _Work:
    """A stored row and what becomes of it; no ``task`` when it was rebuilt before."""

    old: Row
    task: Task | None


class _Pages:
    """The rebuilt items, group by group; the next group is read and decoded while one is encoded."""

    def __init__(self, parts: Parts, collections: Collections, kind: Kind) -> None:
        self._parts = parts
        self._collections = collections
        self._kind = kind

    def __iter__(self) -> Iterator[list[_Rebuilt]]:
        pages = self._collections.pages(self._kind, self._parts.settings.batch)
        settings = self._parts.settings
        with (
            Sandbox(settings.parse_processes, settings.parse_memory) as sandbox,
            ThreadPoolExecutor(READERS, "olhar-read") as readers,
            ThreadPoolExecutor(1, "olhar-ahead") as ahead,
        ):
            preparing = ahead.submit(self._prepared, pages, readers, sandbox)
            while page := preparing.result():
                preparing = ahead.submit(self._prepared, pages, readers, sandbox)
                self._encode([work.task for work in page if work.task is not None])
                yield [self._rebuilt(work) for work in page]

    def _prepared(
        self, pages: Iterator[list[tuple[Row, Row | None]]], readers: ThreadPoolExecutor, sandbox: Sandbox
    ) -> list[_Work]:
        page = next(pages, [])
        works = [_Work(old, None if _done(old, new) else _task(old.item)) for old, new in page]
        if not self._collections.keeps("image"):
            list(readers.map(partial(self._open, sandbox), works))
        return works

    def _open(self, sandbox: Sandbox, work: _Work) -> None:
        """Read and decode the original, a sound in ``sandbox``.

        Raises Unavailable when the originals cannot be had at all.
        """
        item, task = work.old.item, work.task
        if task is None or not _seen(work.old):
            return
        try:
            task.data = self._parts.blobs.get(item.content_hash)
            if content_hash(task.data) != item.content_hash:
                raise InvalidInput("the original is damaged: its content has another hash")
        except (InvalidInput, NotFound) as error:
            task.refused(error)
            return
        task.sha256 = item.content_hash
        settings = self._parts.settings
        if item.modality == AUDIO:
            sounds.read(task, self._parts.encoder, sandbox, self._parts.blobs, settings)
            return
        opened = partial(working_picture, max_pixels=settings.max_pixels)
        steps.decode(task, self._parts.blobs, opened, settings.thumbnail)

    def _encode(self, tasks: Sequence[Task]) -> None:
        batch = self._parts.settings.encoder_batch or BATCH
        if any(task.pixels is not None for task in tasks):
            steps.encode_pictures(tasks, self._parts.encoder.encode_images, batch)
        if any(task.sound is not None for task in tasks):
            steps.encode_sounds(tasks, sounds.hearing(self._parts.encoder), batch)
        if not self._collections.keeps("caption"):
            # Also of an item whose picture is a problem: its texts are kept if the move is forced.
            texts = [Task(task.place, task.file, task.described) for task in tasks]
            if any(text.described.words for text in texts):
                steps.encode_captions(texts, self._parts.text_encoder.encode_documents, batch)
            for task, text in zip(tasks, texts, strict=True):
                task.caption_vector = text.caption_vector
                task.receipt = task.receipt or text.receipt

    def _rebuilt(self, work: _Work) -> _Rebuilt:
        old, task = work.old, work.task
        if task is None:
            return _Rebuilt(old, kept=True)
        keeps = self._collections.keeps
        image = old.image_vector if keeps("image") else task.image_vector
        caption = old.caption_vector if keeps("caption") else task.caption_vector
        problem = _problem(old.item, task.receipt) if task.receipt is not None else None
        return _Rebuilt(Row(old.item, image, caption), problem=problem)


def _seen(row: Row) -> bool:
    """Whether the item has pixels or a sound of its own."""
    return row.image_vector is not None or (
        row.item.kind == "image" and row.item.modality not in (DOCUMENT, VIDEO)
    )


def _done(old: Row, new: Row | None) -> bool:
    """Whether an earlier run rebuilt the item as it is now, without a problem."""
    if new is None or new.item != old.item:
        return False
    pictured = new.image_vector is not None or not _seen(old)
    return pictured and (new.caption_vector is not None or not _words(old.item).words)


def _words(item: Item) -> Described:
    """What the caption vector is made of, as in ingestion."""
    return Described(words_of(item))


def _task(item: Item) -> Task:
    return Task(0, SourceFile(item.source, bytes), _words(item))


def _problem(item: Item, receipt: FileReceipt) -> Problem:
    return Problem(item.id, item.source, receipt.reason)
