"""Pictures that a moderation policy flagged or kept out, and what people decided about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from rag.errors import NotFound
from rag.records.database import Database
from rag.records.schema import decisions, removals, reviews
from rag.types import Scope

State: TypeAlias = Literal["pending", "allowed", "rejected"]
Decision: TypeAlias = Literal["allow", "reject"]
AFTER: Final[Mapping[Decision, State]] = {"allow": "allowed", "reject": "rejected"}
CHUNK: Final = 500
NOTE: Final = 2_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody decided, and when; ``by``: the key's prefix, or empty on this machine."""

    decision: Decision
    by: str
    note: str
    at: float


@dataclass(frozen=True, slots=True)
class Review:
    """A picture by its content, and what a policy said of it. ``state``: ``pending`` until it is decided.

    ``action`` is that of the policy: ``flag``, ``quarantine``, ``reject``. ``decided``: the first one first.
    ``held``: it was stored, and is out of search until it is decided; its original is kept. ``place``: which
    picture of a document or video it was judged by, for people; empty for a file that is one picture.
    """

    id: str
    collection: str
    sha256: str
    item_id: str
    source: str
    action: str
    policy: str
    flagged: tuple[str, ...]
    scores: Mapping[str, float]
    state: State
    held: bool
    place: str
    at: float
    decided: tuple[Decided, ...] = field(default=())


class Reviews:
    """The reviews of all tenants; each call sees those of one. ``clock`` gives Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def put(
        self,
        scope: Scope,
        sha256: str,
        *,
        item_id: str,
        source: str,
        action: str,
        policy: str,
        flagged: Sequence[str],
        scores: Mapping[str, float],
        held: bool = False,
        place: str = "",
    ) -> str:
        """Keep what a policy says, in place of what it said before; the review's id.

        A decision stays, and so does what is held, until it is released.
        """
        key = review_id(scope, sha256)
        said: dict[str, Any] = {
            "item_id": item_id,
            "source": source,
            "action": action,
            "policy": policy,
            "flagged": list(flagged),
            "scores": dict(scores),
            "place": place,
        } | ({"held": True} if held else {})
        fixed = {
            "id": key,
            "tenant": scope.tenant,
            "collection": scope.collection,
            "sha256": sha256,
            "state": "pending",
            "held": False,
            "at": self._clock(),
        }
        statement = (sqlite.insert if self._database.sqlite else postgresql.insert)(reviews)
        with self._database.writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["id"], set_=said), [fixed | said]
            )
        return key

    def states(self, scope: Scope, sha256s: Sequence[str]) -> dict[str, State]:
        """Of those of these contents that have a review, by content."""
        found: dict[str, State] = {}
        within = (reviews.c.tenant == scope.tenant) & (reviews.c.collection == scope.collection)
        with self._database.reading() as connection:
            for start in range(0, len(sha256s), CHUNK):
                some = within & reviews.c.sha256.in_(list(sha256s[start : start + CHUNK]))
                asked = select(reviews.c.sha256, reviews.c.state).where(some)
                found.update((row.sha256, row.state) for row in connection.execute(asked))
        return found

    def held(self, scope: Scope, item_ids: Sequence[str], *, decided: bool = False) -> dict[str, str]:
        """Of those of these items that are held and not decided yet: the review, by the item's id.

        With ``decided`` also those that are decided and not released yet.
        """
        waiting = (reviews.c.tenant == scope.tenant) & (reviews.c.collection == scope.collection)
        waiting &= reviews.c.held if decided else reviews.c.held & (reviews.c.state == "pending")
        found: dict[str, str] = {}
        with self._database.reading() as connection:
            for start in range(0, len(item_ids), CHUNK):
                some = waiting & reviews.c.item_id.in_(list(item_ids[start : start + CHUNK]))
                rows = connection.execute(select(reviews.c.item_id, reviews.c.id).where(some))
                found.update((row.item_id, row.id) for row in rows)
        return found

    def release(self, tenant: str, key: str) -> None:
        """It is held no more: it came back, or is gone for good."""
        mine = (reviews.c.tenant == tenant) & (reviews.c.id == key)
        with self._database.writing() as connection:
            connection.execute(update(reviews).where(mine).values(held=False))

    def release_items(self, scope: Scope, item_ids: Sequence[str]) -> None:
        """The same of all that is said of these items."""
        within = (reviews.c.tenant == scope.tenant) & (reviews.c.collection == scope.collection)
        with self._database.writing() as connection:
            for start in range(0, len(item_ids), CHUNK):
                some = within & reviews.c.item_id.in_(list(item_ids[start : start + CHUNK]))
                connection.execute(update(reviews).where(some).values(held=False))

    def get(self, tenant: str, key: str) -> Review:
        """Raises NotFound."""
        with self._database.reading() as connection:
            mine = (reviews.c.tenant == tenant) & (reviews.c.id == key)
            row = connection.execute(select(reviews).where(mine)).mappings().first()
            if row is None:
                raise NotFound(f"there is no review {key}")
            asked = select(decisions).where(decisions.c.review == key).order_by(decisions.c.id)
            made = connection.execute(asked).mappings().all()
        return _review(row, made)

    def latest(
        self, tenant: str, *, state: State | None = None, limit: int = 50, before: str = ""
    ) -> list[Review]:
        """Newest first; those after the review ``before``. Raises NotFound for that one."""
        wanted = reviews.c.tenant == tenant
        if state is not None:
            wanted &= reviews.c.state == state
        if before:
            last = self.get(tenant, before)
            at = reviews.c.at
            wanted &= (at < last.at) | ((at == last.at) & (reviews.c.id < last.id))
        newest = (reviews.c.at.desc(), reviews.c.id.desc())
        with self._database.reading() as connection:
            rows = connection.execute(select(reviews).where(wanted).order_by(*newest).limit(limit))
            found = rows.mappings().all()
            ids = [row["id"] for row in found]
            made = connection.execute(
                select(decisions).where(decisions.c.review.in_(ids)).order_by(decisions.c.id)
            )
            of: dict[str, list[Mapping[Any, Any]]] = {}
            for one in made.mappings():
                of.setdefault(one["review"], []).append(one)
        return [_review(row, of.get(row["id"], [])) for row in found]

    def decide(self, tenant: str, key: str, decision: Decision, *, by: str = "", note: str = "") -> Review:
        """Keep a decision beside those of before; the last one counts. Raises NotFound.

        With a rejection it is put down that its item goes: broken off after this, it is finished later.
        """
        kept = self.get(tenant, key)
        row = {"review": key, "tenant": tenant, "decision": decision, "by": by, "note": note[:NOTE]}
        with self._database.writing() as connection:
            connection.execute(insert(decisions).values(row | {"at": self._clock()}))
            mine = (reviews.c.tenant == tenant) & (reviews.c.id == key)
            connection.execute(update(reviews).where(mine).values(state=AFTER[decision]))
            if decision == "reject":
                connection.execute(insert(removals).values(_removal(tenant, kept, self._clock())))
        return self.get(tenant, key)

    def forget_collection(self, scope: Scope) -> None:
        """The collection is gone: what waits for a decision waits no more. Decisions stay."""
        within = (reviews.c.tenant == scope.tenant) & (reviews.c.collection == scope.collection)
        with self._database.writing() as connection:
            connection.execute(delete(reviews).where(within))


def review_id(scope: Scope, sha256: str) -> str:
    """32 hex digits: a content in a collection has one review."""
    seed = "\0".join(("review", scope.tenant, scope.collection or "", sha256))
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


def _removal(tenant: str, review: Review, now: float) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "collection": review.collection,
        "target": "item",
        "name": review.item_id,
        "contents": [review.sha256],
        "created_at": now,
    }


def _review(row: Mapping[Any, Any], made: Sequence[Mapping[Any, Any]]) -> Review:
    return Review(
        row["id"],
        row["collection"],
        row["sha256"],
        row["item_id"],
        row["source"],
        row["action"],
        row["policy"],
        tuple(row["flagged"]),
        row["scores"],
        row["state"],
        row["held"],
        row["place"],
        row["at"],
        tuple(Decided(one["decision"], one["by"], one["note"], one["at"]) for one in made),
    )
