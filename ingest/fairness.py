"""The audit of the collection of the settings, from time to time, and what it found each time."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Final

from ingest.system import Parts
from rag.types import Scope
from rag.vision.fairness.auditing import audit
from rag.vision.fairness.history import KEPT, Run, over, told
from rag.vision.fairness.types import Options

CHORE: Final = "fairness"
log = logging.getLogger(__name__)


def chore(scope: Scope) -> str:
    """The name under which the audits of a collection are kept. Its own may be too long for that."""
    return f"{CHORE}-{hashlib.sha256(repr(scope).encode()).hexdigest()[:20]}"


def kept(parts: Parts, scope: Scope) -> list[Run]:
    """What was found, oldest first."""
    last = parts.records.chores.last(chore(scope))
    return told(None if last is None else last.said)


def look(
    parts: Parts, clock: Callable[[], float] = time.time, on_step: Callable[[], None] = lambda: None
) -> Run | None:
    """Audit if it is time, and keep what was found. Raises what the parts raise, and ``on_step``, which is
    called again and again.
    """
    settings = parts.settings
    scope = Scope(settings.tenant, settings.collection)
    due = settings.fairness_hours and settings.fairness_by
    if not due or not parts.records.chores.due(chore(scope), 3600 * settings.fairness_hours):
        return None
    found = audit(parts.store, parts.encoder, scope, Options(by=settings.fairness_by), on_step)
    run = Run.of(found, clock())
    runs = [*kept(parts, scope), run][-KEPT:]
    parts.records.chores.ended(chore(scope), {"runs": [one.said() for one in runs]})
    if beyond := over(found, settings.fairness_max_gap, None):
        log.warning("fairness of %r by %r: %s", scope.collection, settings.fairness_by, "; ".join(beyond))
    else:
        log.info("fairness of %r by %r: no gap over its bound", scope.collection, settings.fairness_by)
    return run
