"""Reading rows of which some are bad: those are listed and hurt no other."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from rag.errors import InvalidInput
from rag.evaluation.datasets.types import BadRow, Dataset, Photo


class Photos:
    """Photos as they are read; what is named before, leads out of its folder or is not there is refused."""

    def __init__(self, folder: Path, pictures: Sequence[Path] = ()) -> None:
        """``pictures``: where they may lie, ``folder`` itself unless told."""
        self._folder = folder
        self._pictures = pictures or [folder]
        self._photos: dict[Path, Photo] = {}
        self._bad: list[BadRow] = []

    def add(self, name: str, line: int, captions: Sequence[str], labels: Sequence[str] = ()) -> None:
        """Raises InvalidInput when there is no such picture, or it is there already."""
        inside = within(name)
        path = next((folder / inside for folder in self._pictures if (folder / inside).is_file()), None)
        if path is None:
            raise InvalidInput("the picture is not there")
        if path in self._photos:
            raise InvalidInput(f"named before, on line {self._photos[path].line}")
        self._photos[path] = Photo(path, line, tuple(captions), tuple(labels))

    def bad(self, line: int, name: str, reason: str) -> None:
        self._bad.append(BadRow(line, name, reason))

    def dataset(self) -> Dataset:
        return Dataset(self._folder, tuple(self._photos.values()), tuple(self._bad))


def within(name: str) -> str:
    """A path that stays in its folder. Raises InvalidInput for any other."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InvalidInput(f"{name!r} leads out of the folder")
    return path.as_posix()


def contents(path: Path) -> bytes:
    """The bytes of a file, without a mark of their order. Raises InvalidInput when it cannot be read."""
    try:
        return path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror or error})") from None


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers from 1. Raises InvalidInput as ``contents``."""
    for number, line in enumerate(contents(path).split(b"\n"), start=1):
        if line.strip():
            yield number, line.rstrip(b"\r")


def text(line: bytes) -> str:
    """Raises InvalidInput for a line that is no UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8: {error}") from None


def json_object(data: bytes) -> Mapping[str, object]:
    """Raises InvalidInput for anything but an object."""
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from None
    return as_object(value)


def as_object(value: object) -> Mapping[str, object]:
    """Raises InvalidInput for anything but an object."""
    if not isinstance(value, dict):
        raise InvalidInput("not a JSON object")
    return value


def as_list(fields: Mapping[str, object], key: str) -> Sequence[object]:
    """Raises InvalidInput when the key holds no list."""
    value = fields.get(key)
    if not isinstance(value, list):
        raise InvalidInput(f'"{key}" has to be a list')
    return value


def word(fields: Mapping[str, object], key: str) -> str:
    """A text or a number, as text. Raises InvalidInput for anything else, and for nothing."""
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise InvalidInput(f'"{key}" has to be a text')
    return str(value).strip()


def texts(fields: Mapping[str, object], key: str) -> tuple[str, ...]:
    """The texts of a key, trimmed; empty ones say nothing and are left out."""
    value = fields.get(key)
    given = value if isinstance(value, list) else [] if value is None else [value]
    found = [one.strip() for one in given if isinstance(one, str)]
    if len(found) < len(given):
        raise InvalidInput(f'"{key}" has to be a list of texts')
    return tuple(one for one in found if one)
