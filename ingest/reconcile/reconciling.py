"""Originals, records and Milvus compared with one another: every difference is told, and put right if asked.

Page by page; while a page is looked at, nobody else writes to its collection. What jobs are at work on, and
files younger than an hour (a day, where they were sent), are left alone.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from ingest.reconcile.again import Again
from ingest.reconcile.differences import ALL, Difference, Remedy, Report
from ingest.reconcile.items import ItemCheck
from ingest.reconcile.noted import NotedCheck
from ingest.reconcile.originals import check_originals, check_staged
from ingest.removal import finish_removals
from ingest.system import Parts
from rag.records.types import Place
from rag.types import Kind, Scope

CHORE: Final = "reconcile"
KINDS: Final[tuple[Kind, ...]] = ("image", "passage")
YOUNG_S: Final = 3600.0
SENT_S: Final = 24 * 3600.0
"""Files that were sent lie without a job as long as others of their upload come in, and the job is put down;
more than any upload may take."""
PAGE: Final = 500


def chore_of(tenant: str) -> str:
    """The name under which it is kept what was found of a tenant; names of chores are short."""
    return f"{CHORE}-{hashlib.sha256(tenant.encode()).hexdigest()[:16]}"


def reconcile(
    parts: Parts,
    *,
    repair: bool = False,
    remedies: Collection[Remedy] = ALL,
    clock: Callable[[], float] = time.time,
    on_page: Callable[[], None] = lambda: None,
    tenant: str | None = None,
) -> Report:
    """Compare all collections that the records or (of the settings' tenant) the store knows.

    With ``tenant`` only its collections are looked at; files that nothing uses are left to a run for all.

    With ``repair`` the ``remedies`` are carried out; what has to be ingested again is put down as jobs, one
    for each collection, and a worker has to be woken. ``on_page`` is called between pages; what it raises
    ends the run. Safe while a worker runs. Raises what the parts raise when they are away.
    """
    return _Run(parts, frozenset(remedies) if repair else frozenset(), clock, on_page, tenant).run()


class _Run:
    def __init__(
        self,
        parts: Parts,
        remedies: frozenset[Remedy],
        clock: Callable[[], float],
        on_page: Callable[[], None],
        tenant: str | None,
    ) -> None:
        self._tenant = tenant
        self._parts = parts
        self._remedies = remedies
        self._clock = clock
        self._on_page = on_page
        self._report = Report()
        self._needed: set[str] = set()

    def run(self) -> Report:
        parts = self._parts
        self._deletions()
        scopes = self._scopes()
        for scope in scopes:
            self._collection(scope)
        if self._tenant is None:
            self._files()
            parts.records.chores.ended(CHORE, self._report.said())
        tenants = {scope.tenant for scope in scopes} | ({self._tenant} if self._tenant else set())
        for tenant in sorted(tenants):
            parts.records.chores.ended(chore_of(tenant), self._report.of_tenant(tenant).said())
        return self._report

    def _files(self) -> None:
        parts, now = self._parts, self._clock()
        for _ in check_originals(parts, self._tell, now - YOUNG_S, self._needed):
            self._on_page()
        for _ in check_staged(parts, self._tell, now - SENT_S):
            self._on_page()

    def _tell(self, difference: Difference) -> bool:
        wanted = difference.remedy in self._remedies
        self._report.add(replace(difference, repaired=wanted))
        return wanted

    def _deletions(self) -> None:
        """First of all: what is half deleted is not to be brought back."""
        for removal in self._parts.records.removals.unfinished():
            if not self._looked_at(removal.scope):
                continue
            name = removal.name or removal.target
            self._tell(Difference("unfinished-deletion", removal.scope, name, "finish"))
            if "finish" in self._remedies:
                finish_removals(self._parts, removal.scope)

    def _scopes(self) -> list[Scope]:
        tenant = self._tenant or self._parts.settings.tenant
        stored = [Scope(tenant, found.name) for found in self._parts.store.collections(tenant)]
        noted = self._parts.records.places.scopes()
        jobs = self._parts.records.receipts.scopes()
        found = {scope for scope in (*stored, *noted, *jobs) if self._looked_at(scope)}
        return sorted(found, key=lambda scope: (scope.tenant, scope.collection or ""))

    def _looked_at(self, scope: Scope) -> bool:
        return self._tenant in (None, scope.tenant)

    def _collection(self, scope: Scope) -> None:
        parts = self._parts
        again = Again(parts, scope)
        items = ItemCheck(parts, scope, again, self._tell)
        noted = NotedCheck(parts, scope, again, self._tell)
        for kind in KINDS:
            after: str | None = ""
            while after is not None:
                with parts.records.writing_to(scope):
                    after = self._items(items, scope, kind, after)
                self._on_page()
        for places in _grouped(parts.records.places.under(scope, "")):
            with parts.records.writing_to(scope):
                noted.places(places)
            self._on_page()
        for rows in parts.records.receipts.stored(scope):
            with parts.records.writing_to(scope):
                noted.receipts(rows)
            self._on_page()
        self._needed |= noted.needed
        self._report.job_ids += again.submit()

    def _items(self, check: ItemCheck, scope: Scope, kind: Kind, after: str) -> str | None:
        """Look at one page; the last id, None at the end."""
        page = self._parts.store.scan(scope, kind, after=after, limit=PAGE)
        check.items([item for item in page if not item.parent_id])
        check.parts([item for item in page if item.parent_id])
        return page[-1].id if len(page) == PAGE else None


def _grouped(things: Iterator[Place]) -> Iterator[list[Place]]:
    while page := list(islice(things, PAGE)):
        yield page
