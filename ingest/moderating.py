"""New pictures are held against the moderation policy before they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ingest.steps import Task
from ingest.system import Parts
from rag.types import Scope, Vector
from rag.vision.moderation import Verdict
from rag.vision.moderation.policy import ACTIONS

REJECTED: Final = "a person rejected this picture when it was moderated"


def moderate(parts: Parts, scope: Scope, tasks: Sequence[Task]) -> None:
    """Give those that the policy keeps out their receipt; put down what is to be reviewed.

    A file is judged by the worst of its pictures. What a person decided about the same bytes in this
    collection counts before the policy. Raises what the records raise.
    """
    moderator = parts.moderator
    pictured = [(task, found) for task in tasks if task.plan == "index" and (found := _vectors(task))]
    if moderator is None or not pictured:
        return
    decided = parts.records.reviews.states(scope, [task.sha256 for task, _ in pictured])
    for task, vectors in pictured:
        state = decided.get(task.sha256, "pending")
        if state == "rejected":
            task.done("quarantined", REJECTED)
        elif state == "pending":
            _judged(parts, scope, task, worst(moderator.of_images(np.stack(vectors))))


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """That with the most severe action; of equal ones the surest."""
    return max(verdicts, key=lambda one: (ACTIONS.index(one.action), -one.confidence))


def _judged(parts: Parts, scope: Scope, task: Task, verdict: Verdict) -> None:
    if verdict.action == "allow":
        return
    review = parts.records.reviews.put(
        scope,
        task.sha256,
        item_id=task.item_id,
        source=task.file.source,
        action=verdict.action,
        policy=verdict.policy,
        flagged=verdict.flagged_categories,
        scores=verdict.scores,
    )
    said = f"by the moderation policy {verdict.policy} ({verdict.told}); review {review}"
    if verdict.kept_out:
        kept_out = "rejected" if verdict.action == "reject" else "kept out"
        task.done("quarantined", f"{kept_out} {said}")
    else:
        task.notes.append(f"flagged {said}")


def _vectors(task: Task) -> list[Vector]:
    own = [task.image_vector] if task.image_vector is not None else []
    return own + [part.image_vector for part in task.parts if part.image_vector is not None]
