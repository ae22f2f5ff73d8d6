"""Files of this machine: a path, or a folder with what describes its pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from ingest.descriptions import Description
from ingest.sidecars import CAPTIONS, Captions, Problem, chosen, load_captions, read_sidecar, sidecars_of
from ingest.sounds.kinds import EXTENSIONS as SOUNDS
from ingest.sources.files import SourceFile, shown, unusable
from ingest.videos.kinds import EXTENSIONS as VIDEOS
from rag.errors import InvalidInput
from rag.images import extensions


def walk(paths: Sequence[Path], *, skip: Path | None = None) -> Iterator[SourceFile]:
    """The files at ``paths``: those named, and all in the folders named, in a fixed order.

    Each file comes once, sidecars as the description of their picture. A file that is no picture and
    a line of a sidecar that cannot be used come refused, so that nobody wonders where they went.
    Hidden files and folders and the folder ``skip`` are left out. Links to folders are followed where
    they lead out of what is walked. Raises InvalidInput, before anything is given, for a path that is
    not there.
    """
    roots = list(dict.fromkeys(_checked(path) for path in paths))
    return _Walk(roots, skip).files()


def _checked(path: Path) -> Path:
    absolute = Path(os.path.abspath(path))
    try:
        if absolute.is_file() or absolute.is_dir():
            return absolute
        what = "neither a file nor a folder" if absolute.exists() else "not there"
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{shown(path)} cannot be read: {error}") from None
    raise InvalidInput(f"{shown(path)} is {what}")


class _Walk:
    def __init__(self, roots: Sequence[Path], skip: Path | None) -> None:
        self._roots = roots
        self._real_roots = [Path(os.path.realpath(root)) for root in roots if root.is_dir()]
        self._visited = {os.path.realpath(skip)} if skip is not None else set()
        self._given: set[Path] = set()
        self._listings: dict[Path, frozenset[str]] = {}
        self._called: dict[Path, frozenset[str]] = {}

    def files(self) -> Iterator[SourceFile]:
        named = [root for root in self._roots if not root.is_dir()]
        sidecars = [path for path in named if self._describes(path)]
        tables = [load_captions(path) for path in sidecars if path.name == CAPTIONS]
        for table in tables:
            yield from _refusals((*table.problems, *table.missing()))
        beside: dict[Path, list[Captions]] = {}
        for root in self._roots:
            if root.is_dir():
                yield from self._tree(root, tables)
            elif root not in sidecars:
                folder = root.parent
                if folder not in beside:
                    path = folder / CAPTIONS
                    beside[folder] = [load_captions(path)] if path.is_file() and path not in sidecars else []
                    yield from _refusals([problem for table in beside[folder] for problem in table.problems])
                yield from self._file(root, self._listing(folder), [*beside[folder], *tables], named=True)
        for path in sidecars:
            if not any(_belongs(path, given) for given in self._given):
                reason = "describes pictures and is no item itself; name the picture or its folder"
                yield SourceFile.refuse(shown(path), "quarantined", reason)

    def _tree(self, root: Path, tables: Sequence[Captions]) -> Iterator[SourceFile]:
        waiting: list[tuple[Path, list[Captions]]] = [(root, list(tables))]
        while waiting:
            folder, above = waiting.pop()
            real = os.path.realpath(folder)
            if real in self._visited:
                continue
            self._visited.add(real)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                yield SourceFile.refuse(shown(folder), "failed", f"cannot be read: {error.strerror or error}")
                continue
            entries = [entry for entry in entries if not entry.name.startswith(".")]
            files = [entry for entry in entries if not entry.is_dir()]
            names = self._listings[folder] = frozenset(entry.name for entry in files)
            if CAPTIONS in names and folder / CAPTIONS not in (table.path for table in above):
                table = load_captions(folder / CAPTIONS)
                yield from _refusals((*table.problems, *table.missing()))
                above = [table, *above]
            for entry in files:
                if not self._describes(folder / entry.name):
                    yield from self._file(folder / entry.name, names, above)
            folders = [Path(entry.path) for entry in entries if entry.is_dir()]
            waiting += [(path, above) for path in reversed(folders) if self._leads_on(path)]

    def _file(
        self, path: Path, names: frozenset[str], tables: Sequence[Captions], *, named: bool = False
    ) -> Iterator[SourceFile]:
        if path in self._given:
            return
        self._given.add(path)
        if not path.is_file():
            reason = "cannot be read: a link that leads nowhere" if path.is_symlink() else "no regular file"
            yield SourceFile.refuse(shown(path), "failed" if path.is_symlink() else "quarantined", reason)
        elif not named and (reason := unusable(path.name)):
            yield SourceFile.refuse(shown(path), "quarantined", reason)
        else:
            descriptions: list[Description] = []
            for name in sidecars_of(path.name, names):
                try:
                    descriptions.append(read_sidecar(path.parent / name))
                except InvalidInput as error:
                    yield from _refusals([Problem(path.parent / name, 0, str(error))])
            yield SourceFile.of(path, chosen([*descriptions, *(table.of(path) for table in tables)]))

    def _describes(self, path: Path) -> bool:
        """Whether this is a sidecar."""
        if path.name == CAPTIONS:
            return True
        return path.suffix.lower() in (".txt", ".json") and path.stem in self._owners(path.parent)

    def _owners(self, folder: Path) -> frozenset[str]:
        """What sidecars may be called after: each picture's or video's name, with its ending and without."""
        if folder not in self._called:
            shown = extensions() | VIDEOS | SOUNDS
            pictures = [n for n in map(PurePath, self._listing(folder)) if n.suffix.lower() in shown]
            self._called[folder] = frozenset(name for p in pictures for name in (p.name, p.stem))
        return self._called[folder]

    def _listing(self, folder: Path) -> frozenset[str]:
        if folder not in self._listings:
            try:
                self._listings[folder] = frozenset(e.name for e in os.scandir(folder) if not e.is_dir())
            except OSError:
                self._listings[folder] = frozenset()
        return self._listings[folder]

    def _leads_on(self, folder: Path) -> bool:
        """Whether to enter a folder: not by a link to what is walked anyway, or to what holds it."""
        if not folder.is_symlink():
            return True
        real = Path(os.path.realpath(folder))
        return not any(real.is_relative_to(root) or root.is_relative_to(real) for root in self._real_roots)


def _belongs(sidecar: Path, picture: Path) -> bool:
    if sidecar.name == CAPTIONS:
        return picture.is_relative_to(sidecar.parent)
    return sidecar.parent == picture.parent and sidecar.stem in (picture.name, picture.stem)


def _refusals(problems: Sequence[Problem]) -> Iterator[SourceFile]:
    for problem in problems:
        where = f"{shown(problem.path)}:{problem.line}" if problem.line else shown(problem.path)
        yield SourceFile.refuse(where, "failed", problem.reason)
