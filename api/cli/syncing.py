"""``olhar sync``: a collection follows folders; what is new is ingested, what is gone is taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer
import watchfiles

from api.cli import show
from api.cli.backend import Backend, open_backend
from api.record_schemas import SyncOut
from ingest.sources import Reading, SourceFile, open_sources
from ingest.sources.gone import beginning, gone
from rag.errors import InvalidInput, NotFound, OlharError
from rag.settings import Settings

PAGE = 1000
Changes = Callable[[Sequence[Path], Path], Iterator[object]]
"""Given folders, and a folder to be left out: something whenever something changed in them."""


@dataclass(slots=True)
class Sync:
    """Folders and the collection that follows them. What was seen once is sent again only when it changed."""

    settings: Settings
    folders: Sequence[Path]
    empty_is_meant: bool = False
    as_json: bool = False
    _seen: dict[str, object] = field(default_factory=dict)

    def once(self) -> SyncOut:
        """One look at the folders.

        Raises InvalidInput for a folder that is not there, or without a single usable file though there were
        some, unless that is meant: a disk that is not mounted deletes nothing.
        """
        found = self._found()
        with open_backend(self.settings) as backend:
            known = [source for folder in self.folders for source in self._known(backend, folder, found)]
            fresh = [file for file in found if self._seen.get(file.source) != _state(file)]
            with show.progress(len(fresh), quiet=self.as_json) as on_file:
                report = backend.ingest(
                    fresh, collection=self.settings.collection, all_captions=False, on_file=on_file
                )
            # After that: a file that has moved is known at its new place before it leaves the old one.
            removed = [
                source for source in gone(dict.fromkeys(known), found) if self._remove(backend, source)
            ]
        failed = {file.source for file in report.files if file.status == "failed"}
        self._seen = {file.source: _state(file) for file in found if file.source not in failed}
        return SyncOut(**dict(report), removed=removed)

    def _found(self) -> list[SourceFile]:
        there = []
        for folder in self.folders:
            if folder.is_dir():
                there.append(folder)
            elif not self.empty_is_meant or folder.exists():
                raise InvalidInput(
                    f"{folder} is no folder that is there: is a disk not mounted? "
                    "If all its files are meant to go, say --empty-is-meant"
                )
        return list(open_sources(there, Reading.of(self.settings, local=True))) if there else []

    def _known(self, backend: Backend, folder: Path, found: Sequence[SourceFile]) -> list[str]:
        start = beginning(folder)
        known: list[str] = []
        while True:
            page = backend.administration.sources(
                self.settings.collection, prefix=start, after=known[-1] if known else "", limit=PAGE
            )
            known += page.sources
            if not page.next:
                break
        usable = any(file.refused is None and file.source.startswith(start) for file in found)
        if known and not usable and not self.empty_is_meant:
            raise InvalidInput(
                f"{folder} has no usable file, and {len(known)} were ingested from there: is a disk not "
                "mounted? If they are meant to go, say --empty-is-meant"
            )
        return known

    def _remove(self, backend: Backend, source: str) -> bool:
        with contextlib.suppress(NotFound):
            backend.administration.delete(self.settings.collection, "source", source)
            return True
        return False


def run(sync: Sync, *, watch: bool, changes: Changes | None = None) -> bool:
    """Look once, or with ``watch`` again whenever something changed, until Ctrl-C; whether no file failed."""
    report = sync.once()
    show.synced(report, as_json=sync.as_json)
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(sync, changes or changed)
    return not report.counts["failed"]


def _follow(sync: Sync, changes: Changes) -> None:
    for _ in changes(sync.folders, sync.settings.data):
        try:
            report = sync.once()
        except OlharError as error:  # a folder or a server that is away may come back
            typer.echo(f"olhar: {error}", err=True)
            continue
        if report.files or report.removed:
            show.synced(report, as_json=sync.as_json)


def changed(folders: Sequence[Path], skip: Path) -> Iterator[object]:
    """Sets of changes as they come; those of ``skip`` are passed over. Ends with Ctrl-C."""
    left_out = str(skip.absolute())

    def matters(_: watchfiles.Change, path: str) -> bool:
        return not Path(path).is_relative_to(left_out)

    yield from watchfiles.watch(*folders, watch_filter=matters)


def _state(file: SourceFile) -> object:
    """What is another when the file, or what is said of it, has changed."""
    return (file.revision, file.description, file.refused)
