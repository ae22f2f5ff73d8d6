"""All records over one database."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from rag.records.audit import Audit
from rag.records.batching import Batching
from rag.records.chores import Chores
from rag.records.classifiers import Classifiers
from rag.records.database import Database
from rag.records.edits import Edits
from rag.records.feedback import Feedbacks
from rag.records.jobs import Jobs
from rag.records.keys import Keys
from rag.records.load import Load, load
from rag.records.model_captions import ModelCaptions
from rag.records.passes import Pass
from rag.records.places import Places
from rag.records.receipts import Receipts
from rag.records.removals import Removals
from rag.records.reviews import Reviews
from rag.records.sessions import Sessions
from rag.records.threads import Threads
from rag.records.uploaded import Uploaded
from rag.records.workers import Workers
from rag.types import Scope


class Records:
    """Jobs, files, batches, receipts, places, removals, edits, passes, chores, workers, threads, feedback,
    keys and what is done with them.

    ``clock`` gives Unix seconds. Raises what ``Database`` raises; every call may raise RecordsUnavailable.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time, upgrade: bool = True) -> None:
        self.database = Database(url, upgrade=upgrade)
        self.jobs = Jobs(self.database, clock)
        self.batching = Batching(self.database, clock)
        self.places = Places(self.database)
        self.receipts = Receipts(self.database)
        self.chores = Chores(self.database, clock)
        self.removals = Removals(self.database, clock)
        self.edits = Edits(self.database)
        self.readings = Pass(self.database, "ocr", clock)
        self.captionings = Pass(self.database, "caption", clock)
        self.model_captions = ModelCaptions(self.database)
        self.classifiers = Classifiers(self.database, clock)
        self.reviews = Reviews(self.database, clock)
        self.threads = Threads(self.database, clock)
        self.feedback = Feedbacks(self.database, clock)
        self.workers = Workers(self.database, clock)
        self.keys = Keys(self.database, clock)
        self.sessions = Sessions(self.database, clock)
        self.uploaded = Uploaded(self.database, clock)
        self.audit = Audit(self.database, clock)

    def load(self) -> Load:
        """What there is to do now, for all tenants together."""
        return load(self.database)

    def writing_to(self, scope: Scope) -> AbstractContextManager[None]:
        """Alone among all who change items of a collection."""
        return self.database.exclusive(f"collection\0{scope.tenant}\0{scope.collection}")

    def originals(self) -> AbstractContextManager[None]:
        """Alone among all who begin to use an original, or delete one that nothing uses."""
        return self.database.exclusive("originals")

    def close(self) -> None:
        """Give back the connections."""
        self.database.close()
