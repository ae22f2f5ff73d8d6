"""Olhar's own form: a folder with a ``captions.jsonl``.

A line is an object: ``file`` (relative to the folder), ``captions`` and ``labels`` (lists of texts, or one
text); other keys are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rag.errors import InvalidInput
from rag.evaluation.datasets.rows import Photos, json_object, lines, texts, within
from rag.evaluation.datasets.types import Dataset

CAPTIONS = "captions.jsonl"


def read(folder: Path) -> Dataset:
    """The data set in a folder; pictures are not opened yet.

    Raises InvalidInput without ``captions.jsonl``.
    """
    photos = Photos(folder)
    for number, line in lines(folder / CAPTIONS):
        name = ""
        try:
            fields = json_object(line)
            name = _file(fields)
            photos.add(name, number, texts(fields, "captions"), texts(fields, "labels"))
        except InvalidInput as error:
            photos.bad(number, name, str(error))
    return photos.dataset()


def _file(fields: Mapping[str, object]) -> str:
    name = fields.get("file")
    if not isinstance(name, str) or not name.strip("/. \0"):
        raise InvalidInput('"file" has to name a picture')
    return within(name)
