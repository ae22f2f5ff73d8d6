"""Manifests: tables that say which files there are, and what is known about each.

CSV (with any of ``,`` ``;`` tab ``|`` between), JSON lines and Parquet. A column ``path``, ``file`` or
``url`` says where; ``caption``, ``captions``, ``labels``, ``tags`` and ``metadata`` are as in sidecars, and
all others become metadata.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet

from ingest.descriptions import Description
from ingest.sidecars import CAPTIONS, SIDECAR_BYTES, described_by, merged, object_in
from ingest.sources.files import SourceFile, shown
from ingest.sources.reading import Reading
from rag.errors import BadSource, InvalidInput, OlharError

PLACES = ("path", "file", "url", "file_name", "filename", "image")
"""Columns that say where a file is; the first that is there counts."""
ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
DELIMITERS = ",;\t|"
ROWS = 1000
NO_PLACE = f"{{}} has the columns {{!r}}, and none of {', '.join(PLACES)}, to say where files are"

Single = Callable[[str, Description, Reading], SourceFile]
"""Makes a file of a URL."""


def is_manifest(path: Path) -> bool:
    """Whether a file is taken for a manifest, by its name."""
    return path.name != CAPTIONS and path.name.lower().endswith(ENDINGS)


def listed(path: Path, reading: Reading, single: Single) -> Iterator[SourceFile]:
    """The files that a manifest names, in its order, after the lines that cannot be used.

    Paths are relative to the manifest and lie in its folder or below. Several lines about one file add up.
    ``single`` opens URLs. Raises BadSource when the manifest cannot be read.
    """
    described: dict[str, Description] = {}
    lines: dict[str, int] = {}
    for line, row in _rows(path):
        try:
            if isinstance(row, InvalidInput):
                raise row
            place, description = _entry(path, row)
        except InvalidInput as error:
            yield SourceFile.refuse(f"{shown(path)}:{line}", "failed", str(error))
            continue
        described[place] = merged(described[place], description) if place in described else description
        lines.setdefault(place, line)
        if len(described) > reading.files:
            break
    for place, description in described.items():
        where = f"{shown(path)}:{lines[place]}"
        if "://" not in place:
            yield _file(Path(place), description, where)
            continue
        try:
            yield single(place, description, reading)
        except OlharError as error:
            yield SourceFile.refuse(where, "failed", str(error))


def _file(path: Path, description: Description, where: str) -> SourceFile:
    try:
        if path.is_file():
            return SourceFile.of(path, description)
    except (OSError, ValueError):
        pass
    return SourceFile.refuse(where, "failed", f"names {shown(path)!r}, where there is no file")


def _entry(manifest: Path, row: Mapping[str, Any]) -> tuple[str, Description]:
    """Where a line's file is, a URL or an absolute path, and what the line says of it."""
    fields = {name: value for name, value in row.items() if value is not None and value != ""}
    column = next((name for name in PLACES if name in fields), None)
    if column is None:
        raise BadSource(f"says of no file; one of the columns {', '.join(PLACES)} has to")
    place = fields.pop(column)
    if not isinstance(place, str) or "\0" in place:
        raise BadSource(f"{column!r} has to be a path or a URL, not {place!r:.60}")
    description = described_by(fields, "manifest")
    if "://" in place:
        return place, description
    folder = os.path.abspath(manifest.parent)
    path = os.path.normpath(os.path.join(folder, place))
    if not Path(path).is_relative_to(folder):
        raise BadSource(
            f"{place!r} leads out of the folder of the manifest; move the manifest above its files"
        )
    return path, description


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | InvalidInput]]:
    """Each line with its number."""
    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            yield from _parquet(path)
        elif name.endswith(".jsonl"):
            yield from _jsonl(path)
        else:
            yield from _csv(path)
    except OSError as error:
        raise BadSource(f"{shown(path)} cannot be read: {error.strerror or error}") from None


def _jsonl(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | InvalidInput]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(SIDECAR_BYTES + 2):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            try:
                yield number, object_in(line)
            except InvalidInput as error:
                yield number, error
            while line and not line.endswith(b"\n"):  # the rest of a line that is too long
                line = file.readline(SIDECAR_BYTES)


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | InvalidInput]]:
    with path.open("rb") as binary:
        utf16 = binary.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        with path.open(encoding="utf-16" if utf16 else "utf-8-sig", newline="") as file:
            head = file.readline(SIDECAR_BYTES)
            delimiter = max(DELIMITERS, key=head.count)
            names = [name.strip() for name in next(csv.reader(io.StringIO(head), delimiter=delimiter), [])]
            if not set(names) & set(PLACES):
                found = ", ".join(names)[:200]
                raise BadSource(NO_PLACE.format(shown(path), found))
            table = csv.reader(file, delimiter=delimiter)
            for cells in table:
                if len(cells) > len(names):
                    yield table.line_num + 1, BadSource(f"has {len(cells)} cells for {len(names)} columns")
                elif any(cells):
                    yield table.line_num + 1, _cells(dict(zip(names, cells, strict=False)))
    except UnicodeDecodeError:
        raise BadSource(f"{shown(path)} is not UTF-8 text; save it as UTF-8") from None
    except csv.Error as error:
        raise BadSource(f"{shown(path)} is no CSV that can be read: {error}") from None


def _cells(row: dict[str, str]) -> Mapping[str, Any] | InvalidInput:
    """A line of text as values: lists of captions and tags, an object as metadata, numbers."""
    try:
        return {name: _value(name, text.strip()) for name, text in row.items()}
    except InvalidInput as error:
        return error


def _value(name: str, text: str) -> Any:
    if name in ("caption", *PLACES):
        return text
    if name == "captions" and not text.startswith("["):
        return [text]
    if name in ("labels", "tags") and not text.startswith("["):
        return [tag.strip() for tag in text.replace("|", ";").split(";")]
    try:
        value = json.loads(text, parse_constant=str) if text else None
    except (ValueError, RecursionError):
        if name in ("captions", "labels", "tags", "metadata"):
            raise BadSource(f"the cell {name!r} is no valid JSON") from None
        return text
    wanted = name in ("captions", "labels", "tags", "metadata") or isinstance(value, bool | int | float)
    return value if wanted else text


def _parquet(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | InvalidInput]]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            known = [name for name in PLACES if name in file.schema_arrow.names]
            if not known:
                found = ", ".join(file.schema_arrow.names)[:200]
                raise BadSource(NO_PLACE.format(shown(path), found))
            number = 0
            for batch in file.iter_batches(batch_size=ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {name: _plain(value) for name, value in row.items()}
    except (BadSource, OSError):
        raise
    except Exception as error:  # Arrow has many errors of its own
        raise BadSource(f"{shown(path)} is no Parquet that can be read: {error}") from None


def _plain(value: Any) -> Any:
    """A value of Parquet as JSON has it; bytes are left out."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return None if isinstance(value, bytes) else str(value)
