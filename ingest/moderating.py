"""New pictures are held against the moderation policy before they are written.

What a person decided, and what waits for a decision, counts also where no policy is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest.steps import Task
from ingest.system import Parts
from rag.pipeline.evidence import place
from rag.records.reviews import State
from rag.types import Scope, Vector
from rag.vision.moderation import Verdict
from rag.vision.moderation.policy import ACTIONS

REJECTED: Final = "a person rejected this picture when it was moderated"
WAITS: Final = "it was taken out of search by moderation, and waits for a decision; review"


def moderate(parts: Parts, scope: Scope, tasks: Sequence[Task]) -> None:
    """Give those that the policy keeps out their receipt; put down what is to be reviewed.

    A file is judged by the worst of its pictures. What a person decided about the same bytes in this
    collection counts before the policy. Raises what the records raise.
    """
    moderator = parts.moderator
    pictured = [(task, found) for task in tasks if task.plan == "index" and (found := _pictures(task))]
    states = keep_out_decided(parts, scope, [task for task, _ in pictured])
    # These were stored before: their sources are noted, and their originals are kept.
    noted = parts.records.places.sourced(scope, [task.item_id for task, _ in pictured])
    for task, pictures in pictured:
        if task.receipt is None and moderator is not None and states.get(task.sha256) != "allowed":
            verdicts = moderator.of_images(np.stack([vector for _, vector in pictures]))
            places = [place for place, _ in pictures]
            judged = worst([Judged(*one) for one in zip(verdicts, places, strict=True)])
            _judged(parts, scope, task, judged, was_stored=task.item_id in noted)


def keep_out_decided(parts: Parts, scope: Scope, tasks: Sequence[Task]) -> dict[str, State]:
    """Give new files that a person rejected, or has to decide about, their receipt.

    The states of all that have a review, by the hash of their bytes. Raises what the records raise.
    """
    reviews = parts.records.reviews
    new = [task for task in tasks if task.plan == "index"]
    states = reviews.states(scope, [task.sha256 for task in new])
    held = reviews.held(scope, [task.item_id for task in new if task.sha256 in states])
    for task in new:
        if states.get(task.sha256) == "rejected":
            task.done("quarantined", REJECTED)
        elif task.item_id in held:
            task.done("quarantined", f"{WAITS} {held[task.item_id]}")
    return states


@dataclass(frozen=True, slots=True)
class Judged:
    """What a policy says of a picture, and where that stands in its file; empty for the file itself."""

    verdict: Verdict
    place: str = ""

    @property
    def told(self) -> str:
        """The flagged categories with their scores, and the place, for people."""
        return f"{self.verdict.told}, {self.place}" if self.place else self.verdict.told


def worst(judged: Sequence[Judged]) -> Judged:
    """That with the most severe action; of equal ones the surest."""
    return max(judged, key=lambda one: (ACTIONS.index(one.verdict.action), -one.verdict.confidence))


def put_down(
    parts: Parts,
    scope: Scope,
    sha256: str,
    item_id: str,
    source: str,
    judged: Judged,
    *,
    held: bool = False,
) -> str:
    """Keep for review what a policy says of a file; the review's id."""
    verdict = judged.verdict
    return parts.records.reviews.put(
        scope,
        sha256,
        item_id=item_id,
        source=source,
        action=verdict.action,
        policy=verdict.policy,
        flagged=verdict.flagged_categories,
        scores=verdict.scores,
        held=held,
        place=judged.place,
    )


def _judged(parts: Parts, scope: Scope, task: Task, judged: Judged, *, was_stored: bool) -> None:
    """What was stored and is not there any more is held: allowed, it comes back by itself."""
    verdict = judged.verdict
    if verdict.action == "allow":
        return
    held = was_stored and verdict.kept_out
    review = put_down(parts, scope, task.sha256, task.item_id, task.file.source, judged, held=held)
    said = f"by the moderation policy {verdict.policy} ({judged.told}); review {review}"
    if verdict.kept_out:
        kept_out = "rejected" if verdict.action == "reject" else "kept out"
        task.done("quarantined", f"{kept_out} {said}")
    else:
        task.notes.append(f"flagged {said}")


def _pictures(task: Task) -> list[tuple[str, Vector]]:
    """Where each stands, and its vector."""
    own = [("", task.image_vector)] if task.image_vector is not None else []
    return own + [(place(p.item), p.image_vector) for p in task.parts if p.image_vector is not None]
