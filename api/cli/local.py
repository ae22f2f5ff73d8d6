"""Commands carried out in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from api.administration import Administration
from api.classify_schemas import ClassifiedOut, ClassifyIn
from api.classifying import Classification
from api.cli.backend import OnFile, read_picture
from api.conversations import Conversations
from api.moderating import Moderation
from api.moderation_schemas import ModeratedOut, ReviewOut, ReviewsOut, VerdictOut
from api.query_schemas import QueryIn, SearchIn
from api.querying import asked
from api.schemas import AskOut, DuplicatesOut, FileOut, IngestOut, SearchOut
from api.teaching_schemas import ClassifierOut, ClassifiersOut, SortedOut, SortIn, TeachIn
from ingest.desk import Desk
from ingest.fairness import kept
from ingest.passes import finish_waiting
from ingest.queue import LOST_S, Queue
from ingest.receipts import FileReceipt, IngestReport
from ingest.run import drain, ingest
from ingest.sounds.asking import windows_of
from ingest.sounds.reading import hearing
from ingest.sources import SourceFile
from rag.build import Olhar
from rag.duplicates import duplicates
from rag.errors import ModelUnavailable, NotFound, Unavailable
from rag.images import working_picture
from rag.questions import Question
from rag.records.answers import Recent
from rag.records.reviews import Decision, State
from rag.types import Pixels, Scope, Sound
from rag.vision.curation.coverage import coverage
from rag.vision.curation.representatives import representatives
from rag.vision.fairness.auditing import audit

if TYPE_CHECKING:
    from rag.vision.curation.types import Coverage, Representatives
    from rag.vision.fairness.history import Run
    from rag.vision.fairness.types import Fairness
    from rag.vision.fairness.types import Options as Audit
    from rag.vision.quality.types import Options, Quality


class Local:
    """A ``Backend`` on the library itself."""

    def __init__(self, olhar: Olhar) -> None:
        self._olhar = olhar

    def ingest(
        self, files: Sequence[SourceFile], *, collection: str, all_captions: bool, on_file: OnFile
    ) -> IngestOut:
        def seen(receipt: FileReceipt) -> None:
            on_file(FileOut.of(receipt))

        with self._working() as work:
            return IngestOut.of(work(self._scope(collection), files, all_captions=all_captions, on_file=seen))

    def search(self, wanted: SearchIn, pictures: Sequence[Path], sound: Path | None = None) -> SearchOut:
        asked = self._asked(wanted, pictures, sound)
        if asked.rerank:
            self._load_reranker()
        return SearchOut.of(self._olhar.pipeline.search(asked))

    def ask(self, wanted: QueryIn, pictures: Sequence[Path], sound: Path | None = None) -> AskOut:
        asked = self._asked(wanted, pictures, sound)
        if asked.rerank is not False:
            self._load_reranker()
        talks = self.conversations
        resumed = talks.resumed(asked)
        return AskOut.of(talks.keep(resumed, self._olhar.pipeline.ask(resumed)))

    def _load_reranker(self) -> None:
        """To the end: a command has no later question to which it would be of use."""
        if self._olhar.reranker is not None:
            with suppress(ModelUnavailable):  # the result says so
                self._olhar.reranker.warm()

    def picture(self, item_id: str, *, collection: str) -> bytes:
        for item in self._olhar.store.get(self._scope(collection), "image", [item_id]):
            return self._olhar.blobs.get(item.content_hash)
        raise NotFound(f"there is no picture {item_id} in the collection {collection!r}")

    def duplicates(self, distance: int, *, collection: str) -> DuplicatesOut:
        found = duplicates(self._olhar.store, self._scope(collection), distance=distance)
        return DuplicatesOut.of(found)

    def thumbnail(self, item_id: str, *, collection: str) -> bytes:
        for item in self._olhar.store.get(self._scope(collection), "image", [item_id]):
            return self._olhar.blobs.thumbnail(item.content_hash) or self._olhar.blobs.get(item.content_hash)
        raise NotFound(f"there is no picture {item_id} in the collection {collection!r}")

    def fairness(self, options: Audit, *, collection: str) -> Fairness:
        return audit(self._olhar.store, self._olhar.encoder, self._scope(collection), options)

    def audits(self, *, collection: str) -> list[Run]:
        return kept(self._olhar, self._scope(collection))

    def representatives(self, count: int, sample: int, seed: int, *, collection: str) -> Representatives:
        scope = self._scope(collection)
        return representatives(self._olhar.store, scope, count, limit=sample, seed=seed)

    def coverage(
        self, labels: Sequence[str], least: int, sample: int, seed: int, *, collection: str
    ) -> Coverage:
        return coverage(
            self._olhar.store,
            self._olhar.encoder,
            self._olhar.label_calibration,
            self._scope(collection),
            labels,
            least=least,
            limit=sample,
            seed=seed,
        )

    def quality(self, options: Options, *, collection: str) -> Quality:
        from rag.vision.quality.measuring import measure  # it takes scikit-learn, which takes a second

        olhar = self._olhar
        return measure(olhar.store, olhar.encoder, olhar.zero_shot, self._scope(collection), options)

    def classify(self, wanted: ClassifyIn, picture: Path) -> ClassifiedOut:
        return Classification(self._olhar).classify(wanted, self._pixels(picture))

    def sort(self, collection: str, wanted: SortIn) -> SortedOut:
        return Classification(self._olhar).sort(collection, wanted)

    def teach(self, collection: str, wanted: TeachIn) -> ClassifierOut:
        from api.routes.pictures import picture_bytes, pixels_of  # it takes the server's packages

        scope, settings = self._scope(collection), self._olhar.settings
        return Classification(self._olhar).teach(
            collection, wanted, lambda uri: pixels_of(picture_bytes(uri, self._olhar, scope), settings)
        )

    def classifiers(self, collection: str) -> ClassifiersOut:
        return Classification(self._olhar).classifiers(collection)

    def forget_classifier(self, collection: str, name: str) -> None:
        Classification(self._olhar).forget(collection, name)

    def moderate(self, picture: Path | None, text: str, policy: str) -> VerdictOut:
        moderation = Moderation(self._olhar)
        if picture is None:
            return moderation.of_text(text, policy)
        return moderation.of_picture(self._pixels(picture), policy)

    def moderate_collection(self, collection: str, policy: str, *, apply: bool) -> ModeratedOut:
        return Moderation(self._olhar).of_collection(collection, policy, apply=apply)

    def reviews(self, state: State | None, limit: int) -> ReviewsOut:
        return Moderation(self._olhar).reviews(state=state, limit=limit)

    def decide(self, review: str, decision: Decision, note: str) -> ReviewOut:
        return Moderation(self._olhar, self._work).decide(review, decision, note)

    def _pixels(self, picture: Path) -> Pixels:
        settings = self._olhar.settings
        data = read_picture(picture, settings.max_bytes)
        return working_picture(data, max_pixels=settings.max_pixels).pixels

    @property
    def administration(self) -> Administration:
        return Administration(self._olhar, self._work)

    @property
    def conversations(self) -> Conversations:
        return Conversations(self._olhar, self._olhar.settings.tenant, Recent())

    def _work(self) -> None:
        """What there is to do, unless others do it."""
        records = self._olhar.records
        if records.database.sqlite:
            with Desk(self._olhar) as desk:
                drain(desk)
        if records.database.sqlite or not records.workers.alive(LOST_S):
            finish_waiting(self._olhar)

    @contextmanager
    def _working(self) -> Iterator[Callable[..., IngestReport]]:
        """How files are ingested: here, or by the workers.

        Raises Unavailable when those should do it and none is there.
        On Postgres other processes may be at work, so that the queue is needed here too.
        """
        records = self._olhar.records
        if records.database.sqlite:
            yield partial(ingest, self._olhar)
        elif records.workers.alive(LOST_S):
            yield Queue(self._olhar, others_work=True).ingest
        elif self._olhar.settings.worker == "apart":
            raise Unavailable("OLHAR_WORKER is apart, and no worker is running: start `olhar worker`")
        else:
            from ingest.worker import Worker

            with Worker(self._olhar) as worker:
                yield Queue(self._olhar, worker.wake).ingest

    def _scope(self, collection: str) -> Scope:
        return Scope(self._olhar.settings.tenant, collection)

    def _asked(self, wanted: QueryIn, pictures: Sequence[Path], sound: Path | None) -> Question:
        settings = self._olhar.settings
        found = [read_picture(picture, settings.max_bytes) for picture in pictures]
        pixels = [working_picture(data, max_pixels=settings.max_pixels).pixels for data in found]
        return asked(settings, settings.tenant, wanted, pixels, None if sound is None else self._heard(sound))

    def _heard(self, sound: Path) -> Sound:
        hearing(self._olhar.encoder)  # or else it need not be read
        settings = self._olhar.settings
        return windows_of(read_picture(sound, settings.max_bytes), settings)
