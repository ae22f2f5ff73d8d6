"""What a worker does from time to time besides its jobs: seeing whether everything agrees, and auditing."""

from __future__ import annotations

import logging
import threading
from typing import Final

from ingest import fairness
from ingest.reconcile import CHORE, SAFE, Report, reconcile
from ingest.system import Parts
from rag.errors import OlharError

LOOK_S: Final = 60.0
log = logging.getLogger(__name__)


class Stopped(Exception):
    """The worker is told to stop."""


class Upkeep:
    """Reconciles every OLHAR_RECONCILE_HOURS, and audits fairness every OLHAR_FAIRNESS_HOURS, in a thread of
    its own; of all workers one does it.

    Only what is safe is repaired unasked; the rest is told in the log.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="olhar-upkeep", daemon=True)

    def start(self) -> None:
        """Begin to look at the clock, unless it is switched off."""
        if self._parts.settings.reconcile_hours or self._parts.settings.fairness_hours:
            self._thread.start()

    def tell(self) -> None:
        """Say that it is to end; what is half done is done the next time."""
        self._stopping.set()

    def ended(self, seconds: float) -> bool:
        """Wait for its end, for so long at most; whether it came."""
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def look(self) -> Report | None:
        """Reconcile if it is time. Raises what the parts raise, and Stopped."""
        hours = self._parts.settings.reconcile_hours
        if not hours or not self._parts.records.chores.due(CHORE, 3600 * hours):
            return None
        report = reconcile(self._parts, repair=True, remedies=SAFE, on_page=self._go_on)
        if report.counts:
            counts = ", ".join(f"{count} {kind}" for kind, count in sorted(report.counts.items()))
            left = f"{report.left} are left: `olhar reconcile` shows them" if report.left else "all put right"
            log.warning("originals, records and Milvus did not agree (%s); %s", counts, left)
        else:
            log.info("originals, records and Milvus agree")
        return report

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except Stopped:
                return
            except OlharError as error:  # a part is away: the next time it may be there
                log.warning("could not see whether everything agrees: %s", error)
            except Exception:  # a worker does its jobs all the same
                log.exception("seeing whether everything agrees broke off")
            try:
                fairness.look(self._parts, on_step=self._go_on)
            except Stopped:
                return
            except OlharError as error:
                log.warning("could not audit how groups are served: %s", error)
            except Exception:
                log.exception("auditing how groups are served broke off")
            self._stopping.wait(LOOK_S)

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Stopped
