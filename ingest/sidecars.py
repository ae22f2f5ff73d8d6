"""Descriptions from the files beside pictures.

``photo.txt`` or ``photo.jpg.txt`` holds a caption. ``photo.json`` or ``photo.jpg.json`` holds an object
with any of ``caption``, ``captions``, ``labels``, ``tags`` and ``metadata``; its other keys go into the
metadata. ``captions.jsonl`` holds one such object a line, for the picture that its ``file`` names,
relative to the ``captions.jsonl`` itself; several lines about one picture add up.
"""

from __future__ import annotations

import codecs
import json
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from ingest.descriptions import Description
from rag.errors import InvalidInput
from rag.types import JSON

CAPTIONS = "captions.jsonl"
SIDECAR = "sidecar"
SIDECAR_BYTES = 2**20
"""Largest sidecar of one picture, and longest line of a ``captions.jsonl``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a sidecar that could not be used; ``line`` counts from 1, 0 means the whole file."""

    path: Path
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Captions:
    """A ``captions.jsonl``: descriptions by file name, the line of each, and what was wrong."""

    path: Path
    described: Mapping[str, Description]
    lines: Mapping[str, int]
    problems: tuple[Problem, ...] = ()

    def of(self, path: Path) -> Description:
        """What it says about a picture, given by an absolute path."""
        folder = self.path.parent
        if not path.is_relative_to(folder):
            return Description()
        return self.described.get(_key(path.relative_to(folder).as_posix()), Description())

    def missing(self) -> tuple[Problem, ...]:
        """A problem for each line whose picture is not there."""
        return tuple(
            Problem(self.path, line, f"describes {name!r}, which is not there")
            for name, line in self.lines.items()
            if not _is_file(self.path.parent / name)
        )


def read_captions(path: Path) -> dict[str, Description]:
    """The descriptions of a ``captions.jsonl`` by file name.

    Raises InvalidInput for the first thing that is wrong with it, naming the line.
    """
    captions = load_captions(path)
    for problem in captions.problems:
        raise InvalidInput(f"{problem.path}:{problem.line}: {problem.reason}")
    return dict(captions.described)


def load_captions(path: Path) -> Captions:
    """A ``captions.jsonl`` with everything in it that can be used. Never raises."""
    try:
        return captions_in(path, path.read_bytes())
    except OSError as error:
        return Captions(path, {}, {}, (Problem(path, 0, f"cannot be read: {error.strerror or error}"),))


def captions_in(path: Path, data: bytes) -> Captions:
    """The same from the bytes of a ``captions.jsonl`` whose place is ``path``."""
    described: dict[str, Description] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            name, description = parse_line(line)
        except InvalidInput as error:
            problems.append(Problem(path, number, str(error)))
            continue
        key = _key(name)
        described[key] = merged(described[key], description) if key in described else description
        lines.setdefault(key, number)
    return Captions(path, described, lines, tuple(problems))


def parse_line(line: bytes) -> tuple[str, Description]:
    """The file name and the description of one line. Raises InvalidInput with the reason."""
    fields = object_in(line)
    name = fields.pop("file", None)
    if not isinstance(name, str) or not name.strip("/. \0"):
        raise InvalidInput('"file" has to name a picture')
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InvalidInput(f"{name!r} leads out of the folder; only pictures in it can be described")
    return path.as_posix(), described_by(fields)


def parse_json(data: bytes) -> Description:
    """The description in a ``photo.json``. Raises InvalidInput with the reason."""
    return described_by(object_in(data))


def parse_text(data: bytes) -> Description:
    """The caption in a ``photo.txt``. Raises InvalidInput when it is not text."""
    return Description(caption=_text(data).strip(), caption_origin=SIDECAR)


def described_by(fields: Mapping[str, Any], origin: str = SIDECAR) -> Description:
    """A description from the keys of a sidecar. Raises InvalidInput naming a key of the wrong kind."""
    rest = dict(fields)
    captions = [*_texts(rest, "caption"), *_texts(rest, "captions")]
    tags = [*_texts(rest, "labels"), *_texts(rest, "tags")]
    metadata = rest.pop("metadata", None)
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise InvalidInput(f'"metadata" has to be an object, not {_shown(metadata)}')
    captions = [text.strip() for text in captions if text.strip()]
    return Description(
        caption="".join(captions[:1]),
        captions=tuple(text for text in dict.fromkeys(captions[1:]) if text != captions[0]),
        tags=tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip())),
        metadata={**rest, **metadata},
        caption_origin=origin,
        tags_origin=origin,
    )


def merged(one: Description, other: Description) -> Description:
    """Both, what ``one`` says first."""
    captions = list(dict.fromkeys(c for d in (one, other) for c in (d.caption, *d.captions) if c))
    return Description(
        caption="".join(captions[:1]),
        captions=tuple(captions[1:]),
        tags=tuple(dict.fromkeys((*one.tags, *other.tags))),
        metadata={**other.metadata, **one.metadata},
        caption_origin=one.caption_origin if one.caption else other.caption_origin,
        tags_origin=one.tags_origin if one.tags else other.tags_origin,
    )


def chosen(descriptions: Sequence[Description]) -> Description:
    """Captions and tags each from the first description that has them; metadata from all, the first first."""
    captioned = next((d for d in descriptions if d.caption), Description())
    tagged = next((d for d in descriptions if d.tags), Description())
    metadata: dict[str, JSON] = {}
    for description in reversed(descriptions):
        metadata.update(description.metadata)
    return Description(
        captioned.caption,
        captioned.captions,
        tagged.tags,
        metadata,
        captioned.caption_origin,
        tagged.tags_origin,
    )


def read_sidecar(path: Path) -> Description:
    """The description in a ``.txt`` or ``.json`` beside a picture. Raises InvalidInput with the reason."""
    try:
        with path.open("rb") as file:
            data = file.read(SIDECAR_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}") from None
    return parse_sidecar(path.name, data)


def parse_sidecar(name: str, data: bytes) -> Description:
    """The description in the bytes of a sidecar of this name. Raises InvalidInput with the reason."""
    return parse_json(data) if name.lower().endswith(".json") else parse_text(data)


def sidecars_of(name: str, names: Collection[str]) -> list[str]:
    """Those of ``names`` that are sidecars of the picture ``name``, the one that counts most first."""
    stem = PurePath(name).stem
    return [
        found
        for suffix in (".json", ".txt")
        for owner in dict.fromkeys((name, stem))
        for found in (owner + suffix, owner + suffix.upper())
        if found in names and found != name
    ]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", PurePosixPath(name).as_posix())


def _is_file(path: Path) -> bool:
    try:
        if path.is_file():
            return True
        return (path.parent / unicodedata.normalize("NFD", path.name)).is_file()
    except (OSError, ValueError):
        return False


def _text(data: bytes) -> str:
    if len(data) > SIDECAR_BYTES:
        raise InvalidInput(f"longer than {SIDECAR_BYTES} bytes: too long for a description")
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8 text (at byte {error.start}); save it as UTF-8") from None


def object_in(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises InvalidInput with the reason."""
    text = _text(data)
    try:
        value = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise InvalidInput("JSON nested too deeply") from None
    except ValueError as error:
        raise InvalidInput(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidInput(f"not a JSON object but {_shown(value)}")
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _texts(fields: dict[str, Any], key: str) -> list[str]:
    value = fields.pop(key, None)
    if value is None:
        return []
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, str):
            raise InvalidInput(f'"{key}" has to be text or a list of texts, not {_shown(text)}')
    return texts


def _shown(value: object) -> str:
    return repr(value)[:60]
