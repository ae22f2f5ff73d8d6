"""What is stored is held against a moderation policy, by the vectors that are there.

A file is judged by the worst of its pictures, as in ingestion. What is kept out is taken out of search and
waits for a decision with its original: allowed, it comes back, rejected, it goes for good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from ingest.moderating import Judged, put_down, worst
from ingest.parts import DOCUMENT, scanned
from ingest.reconcile.again import Again
from ingest.removal import finish_removals, hold, remove
from ingest.system import Parts
from rag.errors import Conflict, NotFound
from rag.pipeline.evidence import place
from rag.records.places import FIGURE
from rag.records.reviews import Review
from rag.types import VIDEO, Row, Scope
from rag.vision.moderation import Action, Moderator, Verdict
from rag.vision.moderation.policy import ACTIONS

PAGE: Final = 256
SHOWN: Final = 1000
"""So many findings are told one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that the policy does not just allow. ``place``: where the picture that it was judged by stands
    in it. ``review``: where that was put down, empty where nothing was changed; ``held``: it was taken out of
    search."""

    item_id: str
    source: str
    verdict: Verdict
    place: str = ""
    review: str = ""
    held: bool = False


@dataclass(slots=True)
class Moderated:
    """What a policy says of the ``files`` of a collection that have pictures.

    ``actions`` counts them by what is done with them; ``decided`` are not judged, a person allowed them;
    ``unseen`` have pictures without a vector. ``rejected`` are not judged either: a person rejected them, and
    they are there all the same; they are deleted for good. ``findings`` are the worst ones; ``held`` counts
    all that were taken out.
    """

    policy: str
    files: int = 0
    decided: int = 0
    unseen: int = 0
    rejected: int = 0
    held: int = 0
    actions: Counter[Action] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, found: Finding) -> None:
        self.held += found.held
        if len(self.findings) < SHOWN:
            self.findings.append(found)


def moderate_stored(
    parts: Parts,
    scope: Scope,
    moderator: Moderator,
    *,
    apply: bool,
    on_page: Callable[[], None] = lambda: None,
) -> Moderated:
    """Judge all pictures of a collection; with ``apply`` carry out what the policy says of them.

    Nothing is decoded or encoded but the policy's prompts. Killed at any point, no item is lost, and the same
    call goes on. ``on_page`` is called now and then. Raises what store and records raise.
    """
    report = Moderated(moderator.policy.name)
    files, pictures = _files(parts, scope)
    states = parts.records.reviews.states(scope, [file.content_hash for file in files.values()])
    allowed = {key for key, file in files.items() if states.get(file.content_hash) == "allowed"}
    rejected = {key for key, file in files.items() if states.get(file.content_hash) == "rejected"}
    decided = allowed | rejected
    seen: set[str] = set()
    judged: dict[str, Judged] = {}
    for rows in _rows(parts, scope, [item for item, file in pictures.items() if file not in decided]):
        verdicts = moderator.of_images(np.stack([r.image_vector for r in rows if r.image_vector is not None]))
        for row, verdict in zip(rows, verdicts, strict=True):
            file = pictures[row.item.id]
            seen.add(file)
            if verdict.action != "allow":
                found = Judged(verdict, place(row.item) if row.item.parent_id else "")
                judged[file] = worst([judged.get(file, found), found])
        on_page()
    report.files, report.decided, report.rejected = len(seen), len(allowed), len(rejected)
    report.unseen = len(set(pictures.values()) - seen - decided)
    report.actions.update({"allow": len(seen) - len(judged)})
    for key, one in sorted(judged.items(), key=lambda pair: _severity(pair[1].verdict)):
        finding = Finding(key, files[key].source, one.verdict, one.place)
        if apply:
            finding = _applied(parts, scope, files[key], one, finding)
            on_page()
        report.actions[one.verdict.action] += 1
        report.add(finding)
    for key in sorted(rejected) if apply else ():
        _remove(parts, scope, key)
        on_page()
    return report


def moderate_all(parts: Parts) -> list[tuple[Scope, Moderated]]:
    """Carry out the policy of the settings on all that is stored of all tenants; nothing where it is off."""
    moderator = parts.moderator
    if moderator is None:
        return []
    own = parts.settings.tenant
    stored = {Scope(own, found.name) for found in parts.store.collections(own)}
    scopes = sorted(
        stored | set(parts.records.places.scopes()), key=lambda one: (one.tenant, one.collection or "")
    )
    return [(scope, moderate_stored(parts, scope, moderator, apply=True)) for scope in scopes]


def settle(parts: Parts, scope: Scope, decided: Review) -> list[str]:
    """Carry out a decision about something that was stored; the jobs that bring it back, if it was held.

    What is rejected goes with its original. Raises what store and records raise, and Conflict where what is
    allowed can be had from nowhere; a decision that is repeated is carried out again.
    """
    jobs = []
    if decided.state == "rejected":
        _remove(parts, scope, decided.item_id)
    elif decided.held:
        jobs = _brought_back(parts, scope, decided)
    if decided.held:
        parts.records.reviews.release(scope.tenant, decided.id)
    return jobs


def _remove(parts: Parts, scope: Scope, item_id: str) -> None:
    with suppress(NotFound):  # it was kept out from the beginning, or is gone already
        remove(parts, scope, "item", item_id)


def _brought_back(parts: Parts, scope: Scope, decided: Review) -> list[str]:
    finish_removals(parts, scope)  # what was half deleted before is not what comes back
    if parts.store.get(scope, "image", [decided.item_id]):
        return []  # somebody put it in again
    noted = parts.records.places.sources_of(scope, [decided.item_id]).get(decided.item_id, [])
    again = Again(parts, scope)
    if not again.add_same([name for name in noted if not name.startswith(FIGURE)], decided.sha256):
        raise Conflict(
            f"{decided.source} is allowed, and cannot come back by itself: its original is gone, and no file "
            "has its bytes any more; ingest it again from wherever it is"
        )
    return again.submit()


def _applied(parts: Parts, scope: Scope, file: _File, judged: Judged, finding: Finding) -> Finding:
    kept: list[str] = []
    out = judged.verdict.kept_out

    def noted() -> None:
        kept.append(put_down(parts, scope, file.content_hash, file.item_id, file.source, judged, held=out))

    held = out and hold(parts, scope, file.item_id, noted)
    if not out:
        noted()
    return replace(finding, review="".join(kept), held=held)


def _severity(verdict: Verdict) -> tuple[int, float]:
    """The most severe first, and of those the surest."""
    return -ACTIONS.index(verdict.action), verdict.confidence


@dataclass(frozen=True, slots=True)
class _File:
    """What is kept in memory of each file of a collection."""

    item_id: str
    source: str
    content_hash: str


def _files(parts: Parts, scope: Scope) -> tuple[dict[str, _File], dict[str, str]]:
    """Whole files by the id of their item, and of each picture the file that it belongs to."""
    files: dict[str, _File] = {}
    pictures: dict[str, str] = {}
    for item in scanned(parts.store, scope, "image", None):
        if not item.parent_id:
            files[item.id] = _File(item.id, item.source, item.content_hash)
        if item.modality not in (DOCUMENT, VIDEO):
            pictures[item.id] = item.parent_id or item.id
    return files, {item: file for item, file in pictures.items() if file in files}


def _rows(parts: Parts, scope: Scope, ids: list[str]) -> Iterator[list[Row]]:
    """Those with a vector of a picture, in groups."""
    for start in range(0, len(ids), PAGE):
        rows = parts.store.rows(scope, "image", ids[start : start + PAGE])
        if found := [row for row in rows if row.image_vector is not None]:
            yield found
