"""Moderation of one tenant: one object behind the routes and the commands."""

from __future__ import annotations

from api.moderation_schemas import ReviewOut, ReviewsOut, VerdictOut
from ingest.removal import remove
from rag.build import OFF, Olhar
from rag.errors import NotFound
from rag.records.reviews import Decision, State
from rag.types import Pixels, Scope
from rag.vision.moderation import Moderator

DEFAULT = "default"


class Moderation:
    """What may be asked and decided. Raises BadSettings for policies, and what store and records raise."""

    def __init__(self, olhar: Olhar, *, tenant: str = "", by: str = "") -> None:
        self._olhar = olhar
        self._tenant = tenant or olhar.settings.tenant
        self._by = by

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

    def decide(self, review: str, decision: Decision, note: str = "") -> ReviewOut:
        """Keep a decision; the item of what is rejected is deleted. Raises NotFound."""
        kept = self._olhar.records.reviews
        decided = kept.decide(self._tenant, review, decision, by=self._by, note=note)
        if decision == "reject":
            self._delete(Scope(self._tenant, decided.collection), decided.item_id)
        return ReviewOut.of(decided)

    def _delete(self, scope: Scope, item_id: str) -> None:
        try:
            remove(self._olhar, scope, "item", item_id)
        except NotFound:  # it was kept out, or is gone already
            return

    def _moderator(self, policy: str) -> Moderator:
        chosen = policy or self._olhar.settings.moderation
        moderator = self._olhar.moderator_of(DEFAULT if chosen == OFF else chosen)
        assert moderator is not None
        return moderator
