"""Commands carried out in this process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from api.administration import Administration
from api.cli.backend import OnFile, read_picture
from api.schemas import AskOut, DuplicatesOut, FileOut, IngestOut, SearchOut
from ingest.desk import Desk
from ingest.queue import Queue
from ingest.receipts import FileReceipt
from ingest.run import drain, ingest
from ingest.sources import SourceFile
from rag.build import Olhar
from rag.duplicates import duplicates
from rag.errors import Unavailable
from rag.images import working_picture
from rag.types import Query, Scope

LOST_S = 30.0
"""A worker of which nothing was heard for so long does not count."""


class Local:
    """A ``Backend`` on the library itself."""

    def __init__(self, olhar: Olhar) -> None:
        self._olhar = olhar

    def ingest(
        self, files: Sequence[SourceFile], *, collection: str, all_captions: bool, on_file: OnFile
    ) -> IngestOut:
        def seen(receipt: FileReceipt) -> None:
            on_file(FileOut.of(receipt))

        work = Queue(self._olhar).ingest if self._others_work() else partial(ingest, self._olhar)
        return IngestOut.of(work(self._scope(collection), files, all_captions=all_captions, on_file=seen))

    def search(self, text: str, image: Path | None, *, collection: str, limit: int | None) -> SearchOut:
        query = self._query(text, image)
        return SearchOut.of(self._olhar.pipeline.search(self._scope(collection), query, limit=limit))

    def ask(self, question: str, image: Path | None, *, collection: str, limit: int | None) -> AskOut:
        query = self._query(question, image)
        return AskOut.of(self._olhar.pipeline.ask(self._scope(collection), query, limit=limit))

    def duplicates(self, distance: int, *, collection: str) -> DuplicatesOut:
        found = duplicates(self._olhar.store, self._scope(collection), distance=distance)
        return DuplicatesOut.of(found)

    @property
    def administration(self) -> Administration:
        return Administration(self._olhar, self._work)

    def _work(self) -> None:
        """What there is to do, unless others do it."""
        if not self._others_work():
            with Desk(self._olhar) as desk:
                drain(desk)

    def _others_work(self) -> bool:
        """Whether workers of their own do the jobs. Raises Unavailable when they should and none is there."""
        settings = self._olhar.settings
        if self._olhar.records.workers.alive(LOST_S):
            return True
        if settings.worker == "apart":
            raise Unavailable("OLHAR_WORKER is apart, and no worker is running: start `olhar worker`")
        return False

    def _scope(self, collection: str) -> Scope:
        return Scope(self._olhar.settings.tenant, collection)

    def _query(self, text: str, image: Path | None) -> Query:
        if image is None:
            return Query(text)
        settings = self._olhar.settings
        data = read_picture(image, settings.max_bytes)
        return Query(text, working_picture(data, max_pixels=settings.max_pixels).pixels)
