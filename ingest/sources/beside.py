"""Files in an archive or a bucket, with what lies beside them as their description."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from ingest.descriptions import Description
from ingest.sidecars import CAPTIONS, Captions, Problem, captions_in, chosen, parse_sidecar, sidecars_of
from ingest.sources.files import SourceFile, unusable
from rag.errors import InvalidInput, OlharError
from rag.types import JSON

TWICE = "there is another file of this name further on, which is taken"


@dataclass(frozen=True, slots=True)
class Member:
    """A file by its name relative to the whole, with ``/``. ``refused`` is why it is not taken, if it is not.

    ``read`` gives at most so many bytes as are allowed, and raises OlharError; ``locator`` is as in
    SourceFile.
    """

    name: str
    size: int
    read: Callable[[], bytes]
    revision: str = ""
    refused: str = ""
    locator: Mapping[str, JSON] = field(default_factory=dict)

    def file(self, source: str, description: Description) -> SourceFile:
        return SourceFile(
            source,
            self.read,
            description,
            replaces=True,
            size=self.size,
            revision=self.revision,
            locator=self.locator,
        )


def described(members: Iterable[Member], source: Callable[[str], str]) -> Iterator[SourceFile]:
    """The files in the order of their names; ``source`` makes a source of a name.

    As in a folder, hidden files are left out, sidecars describe, and what is refused says why.
    """
    there: dict[str, Member] = {}
    for member in members:
        if _hidden(member.name):
            continue
        if member.name in there:
            yield SourceFile.refuse(source(member.name), "quarantined", TWICE)
        there[member.name] = member
    usable = {name: member for name, member in there.items() if not member.refused}
    folders: dict[PurePosixPath, set[str]] = {}
    for path in map(PurePosixPath, usable):
        folders.setdefault(path.parent, set()).add(path.name)
    sidecars = {
        str(folder / found)
        for folder, names in folders.items()
        for name in names
        if not unusable(name)
        for found in sidecars_of(name, names)
    }
    tables: dict[PurePosixPath, Captions] = {}
    for folder, names in folders.items():
        if CAPTIONS in names:
            tables[folder] = table = _captions(usable[str(folder / CAPTIONS)])
            yield from _said(table.problems, source)
            yield from _said(_missing(table, usable), source)
    for name, member in sorted(there.items(), key=lambda item: PurePosixPath(item[0]).parts):
        path = PurePosixPath(name)
        if member.refused:
            yield SourceFile.refuse(source(name), "quarantined", member.refused)
        elif path.name == CAPTIONS or name in sidecars:
            continue
        elif reason := unusable(name):
            yield SourceFile.refuse(source(name), "quarantined", reason)
        else:
            descriptions: list[Description] = []
            for beside in sidecars_of(path.name, folders[path.parent]):
                sidecar = path.parent / beside
                try:
                    descriptions.append(parse_sidecar(beside, usable[str(sidecar)].read()))
                except OlharError as error:
                    yield from _said([Problem(Path(sidecar), 0, str(error))], source)
            above = [tables[folder].of(Path(path)) for folder in path.parents if folder in tables]
            yield member.file(source(name), chosen([*descriptions, *above]))


def _hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)


def _captions(member: Member) -> Captions:
    path = Path(member.name)
    try:
        return captions_in(path, member.read())
    except OlharError as error:
        return Captions(path, {}, {}, (Problem(path, 0, str(error)),))


def _missing(table: Captions, usable: Mapping[str, Member]) -> Iterator[Problem]:
    folder = table.path.parent
    names = {unicodedata.normalize("NFC", name) for name in usable}
    for name, line in table.lines.items():
        if unicodedata.normalize("NFC", (folder / name).as_posix()) not in names:
            yield Problem(table.path, line, f"describes {name!r}, which is not there")


def _said(problems: Iterable[Problem], source: Callable[[str], str]) -> Iterator[SourceFile]:
    for problem in problems:
        where = source(problem.path.as_posix())
        yield SourceFile.refuse(
            f"{where}:{problem.line}" if problem.line else where, "failed", problem.reason
        )


def placed(name: str, member: Member) -> Member:
    """``member`` under a name of an archive, refused where that leads out of it."""
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    parts = shown.replace("\\", "/").split("/")
    absolute = not parts[0] or (len(parts[0]) == 2 and parts[0][1] == ":")
    if "\0" in name or absolute or ".." in parts:
        return replace(member, name=shown.replace("\0", "\\0"), refused="its path leads out of the archive")
    return replace(member, name=PurePosixPath(shown).as_posix())


def too_long(member: str, limit: int) -> InvalidInput:
    """What is raised for a member with more bytes than it may have."""
    return InvalidInput(f"{member} is too large: the limit is {limit:,} bytes (OLHAR_MAX_BYTES)")
