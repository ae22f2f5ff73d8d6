"""Where a command's work is done: in this process, or by the server that owns the data folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from api.owner import acquire, server_of
from api.schemas import AskOut, FileOut, IngestOut, SearchOut
from ingest.sources import SourceFile
from rag.errors import InvalidInput
from rag.settings import Settings

OnFile = Callable[[FileOut], None]


class Backend(Protocol):
    """What the commands need of Olhar, whoever does it."""

    def ingest(
        self, files: Sequence[SourceFile], *, collection: str, all_captions: bool, on_file: OnFile
    ) -> IngestOut: ...

    def search(self, text: str, image: Path | None, *, collection: str, limit: int | None) -> SearchOut: ...

    def ask(self, question: str, image: Path | None, *, collection: str, limit: int | None) -> AskOut: ...


@contextmanager
def open_backend(settings: Settings) -> Iterator[Backend]:
    """The server that owns the data folder, if there is one; else this process, owning it meanwhile.

    Raises DataFolderBusy when another process that is no server owns it.
    """
    url = server_of(settings.data)
    if url is not None:
        from api.cli.remote import Remote

        with Remote(url, settings) as remote:
            yield remote
        return
    from api.cli.local import Local
    from rag.build import build

    with acquire(settings.data), build(settings) as olhar:
        yield Local(olhar)


def read_picture(path: Path, max_bytes: int) -> bytes:
    """The bytes of a picture given on the command line. Raises InvalidInput."""
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise InvalidInput(f"{path} has {size} bytes; OLHAR_MAX_BYTES allows {max_bytes}")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None
