"""Photos with captions to train on: a folder with ``captions.jsonl``, or a CSV of path and caption."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.errors import BadImage, InvalidInput
from rag.images import decode
from rag.types import Pixels

CAPTIONS = "captions.jsonl"
MAX_PIXELS = 100_000_000


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and what was said of it, at least one caption. ``group``: whose it is, where that was asked."""

    path: Path
    captions: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is left out, and why."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos of a data set in their order, and the rows that could not be used."""

    source: str
    photos: tuple[Photo, ...]
    bad: tuple[BadRow, ...] = ()

    @property
    def owners(self) -> list[int]:
        """For every caption, in order, the number of its photo."""
        return [number for number, photo in enumerate(self.photos) for _ in photo.captions]

    @property
    def captions(self) -> list[str]:
        """Every caption, in order."""
        return [caption for photo in self.photos for caption in photo.captions]


def read_photos(source: Path, group_by: str = "") -> Photos:
    """A folder that holds ``captions.jsonl`` (``file`` and ``captions`` on each line), or a ``.csv`` file
    whose columns are ``path`` and ``caption``; paths are relative to that file. Rows of one path are
    one photo. ``group_by`` names the column, or the field of ``metadata``, that says whose photo it is.
    Raises InvalidInput when nothing usable is there.
    """
    path = source / CAPTIONS if source.is_dir() else source
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} cannot be read ({error}); give a folder with {CAPTIONS}, or a CSV of path,caption"
        ) from None
    read = _csv_rows if path.suffix.lower() == ".csv" else _json_rows
    rows = read(text, path, group_by)
    groups: dict[Path, str] = {}
    captions: dict[Path, list[str]] = {}
    bad: list[BadRow] = []
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        where, name, said, group = row
        file = path.parent / name
        if not name or not said:
            bad.append(BadRow(where, "no path" if not name else "no caption"))
        elif not file.is_file():
            bad.append(BadRow(where, f"{name} is not there"))
        else:
            captions.setdefault(file, []).extend(said)
            groups.setdefault(file, group)
    if not captions:
        first = f"; the first bad row: {bad[0].where}: {bad[0].reason}" if bad else ""
        raise InvalidInput(f"{path} has no usable row of a photo and its caption{first}")
    return Photos(source.name, tuple(Photo(p, tuple(c), groups[p]) for p, c in captions.items()), tuple(bad))


def load(photo: Photo) -> Pixels:
    """The pixels. Raises BadImage."""
    try:
        return decode(photo.path.read_bytes(), max_pixels=MAX_PIXELS)
    except OSError as error:
        raise BadImage(f"{photo.path} cannot be read: {error}") from None


_Row = tuple[str, str, list[str], str]


def _json_rows(text: str, path: Path, group_by: str) -> Iterator[_Row | BadRow]:
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{path.name}:{number}"
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            said = fields.get("captions", [])
            said = [c.strip() for c in said if isinstance(c, str) and c.strip()]
            group = fields.get(group_by, (fields.get("metadata") or {}).get(group_by)) if group_by else None
            yield where, str(fields["file"]), said, "" if group is None else str(group)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield BadRow(where, 'not an object with "file" and "captions"')


def _csv_rows(text: str, path: Path, group_by: str) -> Iterator[_Row | BadRow]:
    reader = csv.DictReader(text.splitlines())
    if not {"path", "caption"} <= set(reader.fieldnames or ()):
        raise InvalidInput(f"{path} needs the columns path and caption in its first line")
    for row in reader:
        where = f"{path.name}:{reader.line_num}"
        name, caption = (row["path"] or "").strip(), (row["caption"] or "").strip()
        yield where, name, [caption] if caption else [], (row.get(group_by) or "") if group_by else ""
