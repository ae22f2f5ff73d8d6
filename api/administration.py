"""Looking after jobs, items and collections: one object behind the routes and the commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from api.record_schemas import (
    DeletedOut,
    ItemOut,
    ItemsOut,
    JobFileOut,
    JobFilesOut,
    JobOut,
    JobsOut,
    LastReconciledOut,
    PassOut,
    ReconciledOut,
    SourcesOut,
)
from api.schemas import CollectionOut, CollectionsOut
from ingest.caption_pass import describe_anew
from ingest.editing import Change, edit_item
from ingest.ocr_pass import catch_up
from ingest.reconcile import CHORE, chore_of, reconcile
from ingest.removal import remove
from rag.build import Olhar
from rag.errors import NotFound
from rag.types import Kind, Scope

KINDS: Final[tuple[Kind, ...]] = ("image", "passage")


class Administration:
    """What may be seen and done of one tenant's jobs and items; by default of the settings' tenant.

    Without ``tenant`` it is for the operator of the installation, who may compare everything with everything.

    ``wake`` tells the worker of work.
    """

    def __init__(
        self,
        olhar: Olhar,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        *,
        tenant: str = "",
    ) -> None:
        self._olhar = olhar
        self._everything = not tenant
        self._tenant = tenant or olhar.settings.tenant
        self._wake = wake
        self._clock = clock

    def jobs(self, *, limit: int = 50, before: str = "") -> JobsOut:
        """Newest first; those before the job ``before``. Raises NotFound for that one."""
        found = self._olhar.records.jobs.latest(self._tenant, limit=limit, before=before)
        return JobsOut(jobs=[JobOut.of(job, self._clock()) for job in found])

    def job(self, job_id: str) -> JobOut:
        """Raises NotFound."""
        return JobOut.of(self._olhar.records.jobs.get(self._tenant, job_id), self._clock())

    def files(self, job_id: str, *, status: str = "", after: int = -1, limit: int = 1000) -> JobFilesOut:
        """Files of a job after the place ``after``, of one status or all. Raises NotFound."""
        statuses = [status] if status else []
        found = self._olhar.records.jobs.files(
            self._tenant, job_id, statuses=statuses, after=after, limit=limit
        )
        return JobFilesOut(files=[JobFileOut.of(row) for row in found])

    def settled(self, job_id: str, *, after: int = 0, limit: int = 1000) -> JobFilesOut:
        """Receipts of a job after the number ``after``, as they came. Raises NotFound."""
        found = self._olhar.records.jobs.settled(self._tenant, job_id, after=after, limit=limit)
        return JobFilesOut(files=[JobFileOut.of(row) for row in found])

    def parked(self, *, after: int = 0, limit: int = 1000) -> JobFilesOut:
        """Files of all jobs that failed or were quarantined, after the file ``after``."""
        found = self._olhar.records.jobs.parked(self._tenant, after=after, limit=limit)
        return JobFilesOut(files=[JobFileOut.of(row) for row in found])

    def cancel(self, job_id: str) -> JobOut:
        """Raises NotFound, and Conflict when the job has ended."""
        return JobOut.of(self._olhar.records.jobs.cancel(self._tenant, job_id), self._clock())

    def retry(self, job_id: str, *, quarantined: bool = False) -> JobOut:
        """Raises NotFound, and Conflict when no file failed."""
        job = self._olhar.records.jobs.retry(self._tenant, job_id, quarantined=quarantined)
        self._wake()
        return JobOut.of(job, self._clock())

    def collections(self) -> CollectionsOut:
        """The collections, with the number of items in each."""
        found = self._olhar.store.collections(self._tenant)
        ocr = self._olhar.records.readings.counts(self._tenant)
        captions = self._olhar.records.captionings.counts(self._tenant)
        return CollectionsOut(
            collections=[
                CollectionOut(
                    name=c.name,
                    images=c.images,
                    passages=c.passages,
                    ocr=ocr.get(c.name, {}),
                    captions=captions.get(c.name, {}),
                )
                for c in found
            ]
        )

    def read_pictures(self, collection: str) -> PassOut:
        """Have the text read of pictures that were not read yet, or were skipped.

        Raises InvalidInput when OLHAR_OCR is off.
        """
        catch_up(self._olhar, self._scope(collection))
        self._wake()
        return PassOut(**self._olhar.records.readings.counts(self._tenant).get(collection, {}))

    def describe(self, collection: str, *, again: bool = False) -> PassOut:
        """Have pictures described that nobody described; ``again``: also those that a model did.

        Raises InvalidInput when OLHAR_CAPTIONER is none, and ModelUnavailable when its model cannot see or is
        not installed.
        """
        describe_anew(self._olhar, self._scope(collection), again=again)
        self._wake()
        return PassOut(**self._olhar.records.captionings.counts(self._tenant).get(collection, {}))

    def items(self, collection: str, *, kind: Kind = "image", after: str = "", limit: int = 100) -> ItemsOut:
        """Items in the order of their ids, those after ``after``."""
        found = self._olhar.store.scan(self._scope(collection), kind, after=after, limit=limit)
        more = found[-1].id if len(found) == limit else ""
        return ItemsOut(items=[ItemOut.of(item) for item in found], next=more)

    def item(self, collection: str, item_id: str) -> ItemOut:
        """Raises NotFound."""
        for kind in KINDS:
            for item in self._olhar.store.get(self._scope(collection), kind, [item_id]):
                return ItemOut.of(item)
        raise NotFound(f"there is no item {item_id} in the collection {collection!r}")

    def edit(
        self,
        collection: str,
        item_id: str,
        changes: Mapping[str, Any],
        *,
        if_still: Callable[[ItemOut], bool] = lambda _: True,
    ) -> ItemOut:
        """Change ``caption``, ``tags``, ``metadata`` of an item; None takes back an edit.

        Raises NotFound, InvalidInput for what cannot be stored, and Changed when the item is not ``if_still``
        what it was.
        """
        if isinstance(changes.get("tags"), list):
            changes = {**changes, "tags": tuple(changes["tags"])}
        item = edit_item(
            self._olhar,
            self._scope(collection),
            item_id,
            Change(**changes),
            if_still=lambda now: if_still(ItemOut.of(now)),
            clock=self._clock,
        )
        return ItemOut.of(item)

    def sources(self, collection: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> SourcesOut:
        """Sources that begin with ``prefix``, those after ``after``."""
        places = self._olhar.records.places
        found = places.sources(self._scope(collection), prefix, after=after, limit=limit)
        return SourcesOut(sources=found, next=found[-1] if len(found) == limit else "")

    def delete(
        self, collection: str, target: Literal["item", "source", "collection"], name: str = ""
    ) -> DeletedOut:
        """Delete an item, a source or the whole collection, originals and records too. Raises NotFound."""
        return DeletedOut(items=remove(self._olhar, self._scope(collection), target, name))

    def reconcile(self, *, repair: bool = False) -> ReconciledOut:
        """Compare originals, records and Milvus; with ``repair`` put right what can be.

        Of all tenants, where the operator of the server asks; else of the one.
        """
        only = None if self._everything else self._tenant
        report = reconcile(self._olhar, repair=repair, clock=self._clock, tenant=only)
        if report.job_ids:
            self._wake()
        return ReconciledOut.of(report, self._tenant)

    def reconciled(self) -> LastReconciledOut:
        """What was found the last time."""
        name = CHORE if self._everything else chore_of(self._tenant)
        return LastReconciledOut.of(self._olhar.records.chores.last(name))

    def _scope(self, collection: str) -> Scope:
        return Scope(self._tenant, collection)
