"""The last step: rows into the store, read back before anything is said about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from ingest.layers import edit_of, layered, said_by, said_of
from ingest.parts import DOCUMENT, Part, delete_parts, follow, has_beneath, words_of, write_parts
from ingest.steps import Task, encoded, waiting
from ingest.system import Parts
from rag.errors import InvalidInput, OlharError
from rag.records.types import Edit
from rag.types import JSON, Item, Kind, Row, Scope, Vector

READ_BACKS = 4
READ_BACK_SECONDS = 0.05
"""While a flush runs, a read may give a row's earlier version."""

SUPERSEDED = "what was put down later for the same source is stored already; this was not used"
LOST = "written, but not found when read back; trying again may help"
STAYED = "stored, but it could not leave the item of its former bytes; trying again may help"
KEPT = "what a person wrote was kept"


class Writer:
    """Writes the tasks of one batch; nobody else may write to the collection meanwhile.

    ``begun`` are the items that this batch makes, by id; ``clock`` gives Unix seconds. A task whose item was
    there when it was compared and is not any more gets no receipt. What a person said of an item stays; what
    its sources say now is kept beneath it, and counts again without the edit. ``gone`` collects the ids of
    items that went with their last source.
    """

    def __init__(
        self, parts: Parts, scope: Scope, begun: Mapping[str, Task], clock: Callable[[], float]
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._scope = scope
        self._begun = begun
        self._places = parts.records.places
        self._edits = parts.records.edits
        self._clock = clock
        self._refusals: dict[str, str] = {}
        self.gone: list[str] = []

    def settle_plans(self, tasks: Sequence[Task]) -> None:
        """What another batch made since the tasks were compared is not made again, but added to.

        Of two files for one source the one that was put down later counts, whichever comes first.
        """
        later = {task.file.source: task for task in tasks if task.file.replaces}
        for place in self._places.of(self._scope, list(later)):
            task = later[place.source]
            if place.file_id > task.place and place.item_id != task.item_id:
                task.done("failed", SUPERSEDED)
        new = [task for task in waiting(tasks) if task.plan == "index"]
        ids = [task.item_id for task in new]
        there = {item.id: item for item in self._store.get(self._scope, "image", ids)} if ids else {}
        edits = self._edits.of(self._scope, list(there))
        for task in new:
            if (item := there.get(task.item_id)) is not None:
                task.plan_for(item, edit_of(item, edits.get(item.id)))

    def write(self, tasks: Sequence[Task], settled: Sequence[Task] = ()) -> None:
        """Carry out what was planned.

        New items are added before sources leave the items of their former bytes: what is refused takes
        nothing away. ``settled`` are tasks whose items were there before: should an earlier run have been
        broken off, their sources may still have to leave others.
        """
        todo = waiting(tasks)
        new = [task for task in todo if task.plan == "index"]
        ids = {task.item_id for task in new}
        others = [task for task in todo if task.plan != "index"]
        leaving = [task for task in settled if task.file.replaces]
        try:
            former = {source for sources in self._left_by(leaving).values() for source in sources}
            leaving = [task for task in leaving if task.file.source in former]
            self._add(new)
            added = [task for task in new if task.receipt is not None and task.receipt.status == "indexed"]
            moving = [*added, *(task for task in others if task.plan == "attach"), *settled]
            leaving = [task for task in moving if task.file.replaces]
            left = self._left_by(leaving)
            stayed = self._amend([task for task in others if task.item_id not in ids], left)
            for task in leaving:
                _stay(task, [why for item_id, why in stayed.items() if task.file.source in left[item_id]])
            leaving = []
            self._amend([task for task in others if task.item_id in ids], {})
        except OlharError as error:
            for task in leaving:
                _stay(task, [str(error)])
            for task in waiting(tasks):
                task.refused(error)

    def _add(self, tasks: Sequence[Task]) -> None:
        """New items; of documents the parts go first, so that a document that is there is whole."""
        self._add_parts([task for task in tasks if task.parts])
        tasks = waiting(tasks)
        edits = self._edits.of(self._scope, [task.item_id for task in tasks])
        rows = {task.item_id: self._row(task, edits.get(task.item_id)) for task in tasks}
        stored = self._put(rows, {task.item_id: [task] for task in tasks})
        for task in waiting(tasks):
            if task.item_id in stored:
                task.done("indexed", task.told)
            else:
                task.lost(LOST)

    def _add_parts(self, tasks: Sequence[Task]) -> None:
        whole: set[str] = set()
        try:
            parts = [part for task in tasks for part in task.parts]
            self._edit_parts(parts)
            whole = write_parts(self._store, self._scope, parts, self._read_back)
        except InvalidInput:
            for task in tasks:  # one document that is refused hurts no other
                try:
                    whole |= write_parts(self._store, self._scope, task.parts, self._read_back)
                except InvalidInput as error:
                    task.refused(error)
        for task in waiting(tasks):
            if task.item_id not in whole:
                task.lost(LOST)

    def _edit_parts(self, parts: Sequence[Part]) -> None:
        """Edits of parts that went with the store, or that are read once more."""
        edits = self._edits.of(self._scope, [part.item.id for part in parts])
        for part in parts:
            if (edit := edits.get(part.item.id)) is not None:
                part.item = layered(part.item, said_of(part.item, None), edit)
                part.caption_vector = self._encoded(words_of(part.item))

    def _row(self, task: Task, edit: Edit | None) -> Row:
        item = item_of(task, self._scope, int(self._clock()))
        if edit is None:
            return Row(item, task.image_vector, task.caption_vector)
        task.notes.append(KEPT)
        item = layered(item, said_by(task.described), edit)
        return Row(item, task.image_vector, self._encoded(words_of(item)))

    def _encoded(self, words: str) -> Vector | None:
        """The vector of words that came up while the collection was locked; None when there is none."""
        found = encoded([words] if words else [], self._parts.text_encoder.encode_documents)
        return next((vector for vector in found if not isinstance(vector, str)), None)

    def _amend(self, tasks: Sequence[Task], left: Mapping[str, set[str]]) -> dict[str, str]:
        """Add sources to items that exist, change descriptions, and take away the sources ``left``.

        An item goes with its last source; a source that did not get to its new item leaves none. Gives the
        ids of the items that their sources did not leave, and why.
        """
        if not tasks and not left:
            return {}
        ids = list(dict.fromkeys([*(task.item_id for task in tasks), *left]))
        before = {row.item.id: row for row in self._store.rows(self._scope, "image", ids)}
        edits = self._edits.of(self._scope, list(before))
        after = dict(before)
        owners: dict[str, list[Task]] = {item_id: [] for item_id in before}
        for task in tasks:
            if task.item_id in before:
                after[task.item_id] = self._amended(after[task.item_id], task, edits.get(task.item_id))
                owners[task.item_id].append(task)
            else:
                self._without_item(task)
        owned = {item_id for item_id in before if owners[item_id]}
        for item_id in owned & left.keys():
            after[item_id] = self._without(after[item_id], left[item_id])
        changed = {i: after[i] for i in owned if after[i] is not before[i]}
        stored = self._put(changed, owners)
        there = before.keys() - (changed.keys() - stored)
        kept = {task.file.source for task in tasks if task.item_id not in there}
        for item_id in (before.keys() & left.keys()) - owned:
            after[item_id] = self._without(before[item_id], left[item_id] - kept)
        rest = {i: after[i] for i in before.keys() - owned if after[i] is not before[i]}
        rest = {i: row for i, row in rest.items() if row.item.sources}
        changed |= rest
        stored |= self._put(rest, owners)
        self._keep_beneath(stored, owners, before, edits)
        for item_id in stored:
            if has_beneath(after[item_id].item):
                follow(self._store, self._scope, after[item_id].item)
        self._delete([row.item for row in after.values() if not row.item.sources])
        for task in tasks:
            if task.item_id in before:
                lost = task.item_id in changed and task.item_id not in stored
                _conclude_amended(task, after[task.item_id].item, lost=lost)
        return {i: self._refusals.get(i, LOST) for i in left if i in changed and i not in stored}

    def _delete(self, items: Sequence[Item]) -> None:
        """Items without a source, and what is beneath them."""
        if items:
            delete_parts(self._store, self._scope, [item.id for item in items if has_beneath(item)])
            gone = [item.id for item in items]
            self._store.delete(self._scope, "image", gone)
            self.gone += gone

    def _keep_beneath(
        self,
        stored: Collection[str],
        owners: Mapping[str, Sequence[Task]],
        before: Mapping[str, Row],
        edits: Mapping[str, Edit],
    ) -> None:
        """Note what the sources of edited items say now."""
        for item_id in stored:
            edit = edit_of(before[item_id].item, edits.get(item_id))
            described = [task.described for task in owners[item_id] if task.plan == "describe"]
            if edit is not None and described:
                now = replace(edit, said=said_by(described[-1]))
                self._edits.put(self._scope, item_id, before[item_id].item.parent_id, now)

    def _amended(self, row: Row, task: Task, edit: Edit | None) -> Row:
        now = int(self._clock())
        source, sources = task.file.source, row.item.sources
        if task.plan == "describe":
            # An item's description is that of its first source.
            first = replace(row.item, sources=(source, *(other for other in sources if other != source)))
            edit = edit_of(row.item, edit)
            task.notes += [KEPT] if edit else []
            item = replace(layered(first, said_by(task.described), edit), updated_at=now)
            return replace(row, item=item, caption_vector=self._vector(row, item, task))
        if source in sources:
            return row
        return replace(row, item=replace(row.item, sources=(*sources, source), updated_at=now))

    def _vector(self, row: Row, item: Item, task: Task) -> Vector | None:
        """The vector of the item's words: of before, of the description, or of what was said meanwhile."""
        words = words_of(item)
        if words == words_of(row.item):
            return row.caption_vector
        if task.caption_vector is not None and words == task.described.words:
            return task.caption_vector
        return self._encoded(words)

    def _without(self, row: Row, sources: set[str]) -> Row:
        kept = tuple(source for source in row.item.sources if source not in sources)
        if kept == row.item.sources:
            return row
        return replace(row, item=replace(row.item, sources=kept, updated_at=int(self._clock())))

    def _without_item(self, task: Task) -> None:
        first = self._begun.get(task.item_id)
        if first is not None and first is not task and first.receipt is not None:
            task.transient = first.transient
            task.done(first.receipt.status, f"the same bytes as {first.file.source}: {first.receipt.reason}")

    def _put(self, rows: Mapping[str, Row], owners: Mapping[str, Sequence[Task]]) -> set[str]:
        """Write rows and give the ids of those that were read back. A row that is refused hurts no other."""
        try:
            if rows:
                self._store.upsert(list(rows.values()))
        except InvalidInput:
            for item_id, row in rows.items():
                try:
                    self._store.upsert([row])
                except InvalidInput as error:
                    self._refusals[item_id] = str(error)
                    for task in owners[item_id]:
                        task.refused(error)
        # A row without an owner loses a source only.
        expected = {i: row.item for i, row in rows.items() if waiting(owners[i]) or not owners[i]}
        return self._read_back(expected)

    def _read_back(self, expected: Mapping[str, Item], kind: Kind = "image") -> set[str]:
        missing = dict(expected)
        for attempt in range(READ_BACKS):
            if attempt:
                time.sleep(READ_BACK_SECONDS * attempt)
            if not missing:
                break
            for item in self._store.get(self._scope, kind, list(missing)):
                if _mark(item) == _mark(missing[item.id]):
                    del missing[item.id]
        return set(expected) - set(missing)

    def _left_by(self, tasks: Sequence[Task]) -> dict[str, set[str]]:
        """Sources whose bytes have changed, by the id of the item that has the former bytes."""
        now = {task.file.source: task.item_id for task in tasks}
        left: dict[str, set[str]] = {}
        for place in self._places.of(self._scope, list(now)):
            if place.item_id != now[place.source]:
                left.setdefault(place.item_id, set()).add(place.source)
        return left


def item_of(task: Task, scope: Scope, now: int) -> Item:
    """The item that a new file becomes."""
    item = Item(
        id=task.item_id,
        tenant=scope.tenant,
        collection=scope.collection or "",
        content_hash=task.sha256,
        sources=(task.file.source,),
        modality=task.modality,
        phash=task.phash,
        taken_at=task.taken_at,
        created_at=now,
    )
    if task.summary:
        item = replace(item, metadata={DOCUMENT: dict[str, JSON](task.summary)})
    return replace(layered(item, said_by(task.described), None), updated_at=now)


def _mark(item: Item) -> tuple[object, ...]:
    return (item.content_hash, item.sources, item.caption, item.text, item.tags, item.updated_at)


def _stay(task: Task, why: Sequence[str]) -> None:
    """What was told as stored is told as failed where its source may still be in the former item, too."""
    if why and task.receipt is not None and task.receipt.item_id:
        task.reopened(f"{STAYED}: {'; '.join(why)}")


def _conclude_amended(task: Task, item: Item, *, lost: bool) -> None:
    if lost:
        task.lost(LOST)
    elif task.plan == "describe":
        task.done("indexed", "its description changed")
    else:
        if task.file.description:
            task.notes.append("its description was not used")
        task.done("duplicate", f"the same bytes as {item.source}")
