"""Crossmodal-3600 (Thapliyal et al. 2022): ``captions.jsonl`` and ``images/``, captions in 36 languages.

A line has ``image/key`` and, for each language, ``{"caption": […]}``; the picture is ``images/{key}.jpg``.
"""

from __future__ import annotations

from pathlib import Path

from rag.errors import InvalidInput
from rag.evaluation.datasets.rows import Photos, as_object, json_object, lines, texts, word
from rag.evaluation.datasets.types import Dataset

CAPTIONS = "captions.jsonl"
KEY = "image/key"


def read(folder: Path, language: str) -> Dataset:
    """The captions of one language, ``en`` unless told.

    Raises InvalidInput when no line has that language, and names those that there are.
    """
    language = language or "en"
    photos = Photos(folder, [folder / "images", folder])
    languages: set[str] = set()
    for number, line in lines(folder / CAPTIONS):
        name = ""
        try:
            fields = json_object(line)
            name = f"{word(fields, KEY)}.jpg"
            languages.update(key for key, value in fields.items() if isinstance(value, dict))
            given = texts(as_object(fields.get(language, {})), "caption")
            photos.add(name, number, given)
        except InvalidInput as error:
            photos.bad(number, name, str(error))
    if language not in languages:
        raise InvalidInput(
            f"no line of {folder / CAPTIONS} has captions in --language {language}; there are "
            f"{', '.join(sorted(languages)) or 'none'}"
        )
    return photos.dataset()


def fits(folder: Path) -> bool:
    """Whether the first line of ``captions.jsonl`` is one of Crossmodal-3600."""
    try:
        return any(KEY in json_object(line) for _, line in _first(folder))
    except InvalidInput:
        return False


def _first(folder: Path) -> list[tuple[int, bytes]]:
    return next(([one] for one in lines(folder / CAPTIONS)), [])
