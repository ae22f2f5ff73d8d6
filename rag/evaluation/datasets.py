"""Photos with known answers: a folder with a ``captions.jsonl``.

A line is an object: ``file`` (relative to the folder), ``captions`` and ``labels`` (lists of texts, or one
text); other keys are left alone.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rag.errors import InvalidInput

CAPTIONS = "captions.jsonl"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo, the line that names it (from 1), and what is true of it."""

    path: Path
    line: int
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that could not be used, or not all of it; ``file`` is empty when it names none."""

    line: int
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """The usable photos, in the order of their lines, and what was wrong with the others."""

    folder: Path
    photos: tuple[Photo, ...]
    bad_rows: tuple[BadRow, ...] = ()


def read_dataset(folder: Path) -> Dataset:
    """The data set in a folder; pictures are not opened yet.

    Raises InvalidInput when the folder has no ``captions.jsonl`` that can be read.
    """
    path = folder / CAPTIONS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read ({error.strerror or error}); a data set is a folder with a {CAPTIONS}"
        ) from None
    photos: dict[Path, Photo] = {}
    bad: list[BadRow] = []
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        name = ""
        try:
            fields = _object(line)
            name = _file(fields)
            photo = Photo(folder / name, number, _texts(fields, "captions"), _texts(fields, "labels"))
            if photo.path in photos:
                raise InvalidInput(f"named before, on line {photos[photo.path].line}")
            if not photo.path.is_file():
                raise InvalidInput("the picture is not there")
            photos[photo.path] = photo
        except InvalidInput as error:
            bad.append(BadRow(number, name, str(error)))
    return Dataset(folder, tuple(photos.values()), tuple(bad))


def _object(line: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidInput("not a JSON object")
    return value


def _file(fields: Mapping[str, object]) -> str:
    name = fields.get("file")
    if not isinstance(name, str) or not name.strip("/. \0"):
        raise InvalidInput('"file" has to name a picture')
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InvalidInput(f"{name!r} leads out of the folder")
    return path.as_posix()


def _texts(fields: Mapping[str, object], key: str) -> tuple[str, ...]:
    """The texts of a key, trimmed; empty ones say nothing and are left out."""
    value = fields.get(key)
    given = value if isinstance(value, list) else [] if value is None else [value]
    texts = [text.strip() for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise InvalidInput(f'"{key}" has to be a list of texts')
    return tuple(text for text in texts if text)
