"""A backend that answers the same always, behind the real tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from api.cli.backend import OnFile
from api.mcp.backends import Backends
from api.query_schemas import QueryIn, SearchIn
from api.schemas import AskOut, CollectionOut, CollectionsOut, FileOut, IngestOut, SearchOut
from ingest.sources import SourceFile
from rag.errors import OlharError
from rag.settings import Settings
from rag.types import SearchResult
from tests.api.conftest import ANSWER, HIT, png


@dataclass
class FakeBackend:
    """Keeps what it was asked; ``error`` breaks it."""

    asked: list[Any] = field(default_factory=list)
    error: OlharError | None = None
    original: bytes = png(side=64)

    def search(self, wanted: SearchIn, pictures: Sequence[Path], sound: Path | None = None) -> SearchOut:
        assert not pictures
        assert sound is None
        self._told(wanted)
        return SearchOut.of(SearchResult((HIT,), ("careful",), next="more"))

    def ask(self, wanted: QueryIn, pictures: Sequence[Path], sound: Path | None = None) -> AskOut:
        assert not pictures
        assert sound is None
        self._told(wanted)
        return AskOut.of(ANSWER)

    def picture(self, item_id: str, *, collection: str) -> bytes:
        self._told((item_id, collection))
        return self.original

    def ingest(
        self, files: Sequence[SourceFile], *, collection: str, all_captions: bool, on_file: OnFile
    ) -> IngestOut:
        del on_file
        self._told((collection, all_captions))
        told = [
            FileOut(source=file.source, status="indexed", item_id="b" * 32, reason="") for file in files[1:]
        ]
        told.append(FileOut(source=files[0].source, status="quarantined", item_id="", reason="no picture"))
        return IngestOut(
            collection=collection, files=told, counts={"indexed": len(told) - 1, "quarantined": 1}
        )

    @property
    def administration(self) -> FakeBackend:
        return self

    def collections(self) -> CollectionsOut:
        self._told("collections")
        return CollectionsOut(collections=[CollectionOut(name="photos", images=3, passages=1, ocr={})])

    def _told(self, what: Any) -> None:
        if self.error:
            raise self.error
        self.asked.append(what)


class FakeBackends(Backends):
    """Gives the one backend."""

    def __init__(self, settings: Settings, backend: FakeBackend) -> None:
        super().__init__(settings)
        self._backend = backend

    @contextmanager
    def open(self) -> Iterator[Any]:
        yield self._backend


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def backends(tmp_path: Path, backend: FakeBackend) -> FakeBackends:
    return FakeBackends(Settings(data=tmp_path / "data", collection="photos"), backend)
