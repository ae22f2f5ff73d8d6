"""Where a command's work is done: in this process, or by the server that owns the data folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from api.owner import Server, acquire, decided, serving
from api.query_schemas import QueryIn, SearchIn
from api.schemas import AskOut, DuplicatesOut, FileOut, IngestOut, SearchOut
from ingest.sources import SourceFile
from rag.errors import Conflict, InvalidInput
from rag.settings import PREFIX, Settings

if TYPE_CHECKING:
    from api.administration import Administration
    from api.classify_schemas import ClassifiedOut, ClassifyIn
    from api.cli.remote_administration import RemoteAdministration
    from api.cli.remote_conversations import RemoteConversations
    from api.conversations import Conversations
    from api.moderation_schemas import ModeratedOut, ReviewOut, ReviewsOut, VerdictOut
    from api.teaching_schemas import ClassifierOut, ClassifiersOut, SortedOut, SortIn, TeachIn
    from rag.records.reviews import Decision, State
    from rag.vision.curation.types import Coverage, Representatives
    from rag.vision.fairness.history import Run
    from rag.vision.fairness.types import Fairness
    from rag.vision.fairness.types import Options as Audit
    from rag.vision.quality.types import Options, Quality

OnFile = Callable[[FileOut], None]


class Backend(Protocol):
    """What the commands need of Olhar, whoever does it."""

    def ingest(
        self, files: Sequence[SourceFile], *, collection: str, all_captions: bool, on_file: OnFile
    ) -> IngestOut: ...

    def search(self, wanted: SearchIn, pictures: Sequence[Path], sound: Path | None = None) -> SearchOut: ...

    def ask(self, wanted: QueryIn, pictures: Sequence[Path], sound: Path | None = None) -> AskOut: ...

    def picture(self, item_id: str, *, collection: str) -> bytes:
        """The file that a picture was made of. Raises NotFound."""

    def duplicates(self, distance: int, *, collection: str) -> DuplicatesOut: ...

    def thumbnail(self, item_id: str, *, collection: str) -> bytes:
        """A small picture of an item. Raises NotFound."""

    def fairness(self, options: Audit, *, collection: str) -> Fairness: ...

    def audits(self, *, collection: str) -> list[Run]:
        """Those that were kept, oldest first."""

    def representatives(self, count: int, sample: int, seed: int, *, collection: str) -> Representatives: ...

    def coverage(
        self, labels: Sequence[str], least: int, sample: int, seed: int, *, collection: str
    ) -> Coverage: ...

    def quality(self, options: Options, *, collection: str) -> Quality: ...

    def classify(self, wanted: ClassifyIn, picture: Path) -> ClassifiedOut: ...

    def sort(self, collection: str, wanted: SortIn) -> SortedOut: ...

    def teach(self, collection: str, wanted: TeachIn) -> ClassifierOut: ...

    def classifiers(self, collection: str) -> ClassifiersOut: ...

    def forget_classifier(self, collection: str, name: str) -> None: ...

    def moderate(self, picture: Path | None, text: str, policy: str) -> VerdictOut:
        """A picture, or without one a text."""

    def moderate_collection(self, collection: str, policy: str, *, apply: bool) -> ModeratedOut: ...

    def reviews(self, state: State | None, limit: int) -> ReviewsOut: ...

    def decide(self, review: str, decision: Decision, note: str) -> ReviewOut: ...

    @property
    def administration(self) -> Administration | RemoteAdministration: ...

    @property
    def conversations(self) -> Conversations | RemoteConversations: ...


@contextmanager
def open_backend(settings: Settings) -> Iterator[Backend]:
    """The server that owns the data folder, if there is one; else this process, owning it meanwhile.

    Raises DataFolderBusy when another process that is no server owns it, BadSettings when the server asks for
    a key, and Conflict when it works with another tenant, or with other settings than those given here.
    """
    server = serving(settings.data)
    if server is not None:
        from api.cli.remote import Remote

        if differences := differing(settings, server):
            raise Conflict("; ".join(differences))
        with Remote(server.url, settings) as remote:
            if server.asks_for_keys:
                remote.check_tenant()
            yield remote
        return
    from api.cli.local import Local
    from rag.build import build

    with acquire(settings.data), build(settings) as olhar:
        yield Local(olhar)


def differing(settings: Settings, server: Server) -> list[str]:
    """What the server decides otherwise than it is set here: the tenant, and what was set explicitly.

    Each with both values and the remedy. Where it asks for keys, the tenant is that of the key.
    """
    found = []
    for name, mine in decided(settings).items():
        its = server.decided.get(name, "not told")
        if name == "tenant" and server.asks_for_keys:
            continue
        if mine != its and (name == "tenant" or name in settings.model_fields_set):
            variable = PREFIX + name.upper()
            found.append(
                f"{variable} is {mine!r} here and {its!r} for the server at {server.url}, which has the data "
                "folder; set the same here, restart the server with what is set here, "
                "or set OLHAR_DATA to another folder"
            )
    return found


def read_picture(path: Path, max_bytes: int) -> bytes:
    """The bytes of a picture or sound given on the command line. Raises InvalidInput."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InvalidInput(f"{path} has {size} bytes; OLHAR_MAX_BYTES allows {max_bytes}")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None
