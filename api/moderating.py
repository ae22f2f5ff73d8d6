"""Moderation of one tenant: one object behind the routes and the commands."""

from __future__ import annotations

from collections.abc import Callable

from api.moderation_schemas import ModeratedOut, ReviewOut, ReviewsOut, VerdictOut
from ingest.moderating_stored import moderate_stored, settle
from ingest.removal import KINDS, finish_removals
from rag.build import OFF, Olhar
from rag.errors import NotFound
from rag.records.reviews import Decision, State
from rag.types import Item, Pixels, Scope
from rag.vision.moderation import Moderator

DEFAULT = "default"


class Moderation:
    """What may be asked and decided. Raises BadSettings for policies, and what store and records raise.

    ``wake`` tells the worker of work.
    """

    def __init__(
        self, olhar: Olhar, wake: Callable[[], None] = lambda: None, *, tenant: str = "", by: str = ""
    ) -> None:
        self._olhar = olhar
        self._tenant = tenant or olhar.settings.tenant
        self._by = by
        self._wake = wake

    def of_picture(self, picture: Pixels, policy: str = "") -> VerdictOut:
        """A picture held against a policy; by default that of the settings, or the packaged one."""
        (verdict,) = self._moderator(policy).of_images(self._olhar.encoder.encode_images([picture]))
        return VerdictOut.of(verdict)

    def of_text(self, text: str, policy: str = "") -> VerdictOut:
        """The same of a text, as a question."""
        (verdict,) = self._moderator(policy).of_texts([text])
        return VerdictOut.of(verdict)

    def reviews(self, *, state: State | None = None, limit: int = 50, before: str = "") -> ReviewsOut:
        """Newest first. Raises NotFound for the review ``before``."""
        kept = self._olhar.records.reviews
        found = kept.latest(self._tenant, state=state, limit=limit + 1, before=before)
        more = found[limit - 1].id if len(found) > limit else None
        return ReviewsOut(reviews=[ReviewOut.of(one) for one in found[:limit]], next=more)

    def shown(self, review: str) -> Item:
        """The item that a review is about, as far as the review knows it.

        Raises NotFound also where it is neither stored nor held here: others may have the same bytes.
        """
        kept = self._olhar.records.reviews.get(self._tenant, review)
        scope = Scope(self._tenant, kept.collection)
        held = self._olhar.records.places.sourced(scope, [kept.item_id])
        if not held and not self._olhar.store.get(scope, "image", [kept.item_id]):
            raise NotFound(f"of the review {review} no file is kept: look at its source, {kept.source!r}")
        return Item(
            id=kept.item_id,
            tenant=self._tenant,
            collection=kept.collection,
            content_hash=kept.sha256,
            sources=(kept.source,),
        )

    def decide(self, review: str, decision: Decision, note: str = "") -> ReviewOut:
        """Keep a decision; the item of what is rejected is deleted, what was held and is allowed comes back.

        Raises NotFound.
        """
        kept = self._olhar.records.reviews
        scope = Scope(self._tenant, kept.get(self._tenant, review).collection)
        finish_removals(self._olhar, scope)  # an earlier decision is carried out before the next one is made
        decided = kept.decide(self._tenant, review, decision, by=self._by, note=note)
        jobs = settle(self._olhar, scope, decided)
        if jobs:
            self._wake()
        return ReviewOut.of(kept.get(self._tenant, review), jobs)

    def of_collection(self, collection: str, policy: str = "", *, apply: bool = False) -> ModeratedOut:
        """What a policy says of what is stored; with ``apply`` it is carried out. Raises NotFound."""
        scope = Scope(self._tenant, collection)
        store, places = self._olhar.store, self._olhar.records.places
        # All of it may be held: then its sources alone are noted.
        if not any(store.count(scope, kind) for kind in KINDS) and not places.sources(scope, "", limit=1):
            raise NotFound(f"there is no collection {collection!r}")
        found = moderate_stored(self._olhar, scope, self._moderator(policy), apply=apply)
        return ModeratedOut.of(collection, found, applied=apply)

    def _moderator(self, policy: str) -> Moderator:
        chosen = policy or self._olhar.settings.moderation
        moderator = self._olhar.moderator_of(DEFAULT if chosen == OFF else chosen)
        assert moderator is not None
        return moderator
