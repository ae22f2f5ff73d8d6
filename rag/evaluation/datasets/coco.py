"""COCO captions: ``annotations/captions_*.json`` beside folders of pictures.

The file has ``images`` (``id``, ``file_name``) and ``annotations`` (``image_id``, ``caption``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rag.errors import InvalidInput
from rag.evaluation.datasets.rows import Photos, as_list, as_object, contents, json_object, word
from rag.evaluation.datasets.types import Dataset

PATTERN = "captions_*.json"


def files(folder: Path) -> dict[str, Path]:
    """The files of captions by the name of their split, for instance ``val2017``."""
    found = [*sorted(folder.glob(f"annotations/{PATTERN}")), *sorted(folder.glob(PATTERN))]
    return {path.stem.removeprefix("captions_"): path for path in found}


def read(folder: Path, split: str) -> Dataset:
    """The pictures of a split. Raises InvalidInput when the split or its file cannot be had."""
    path = _chosen(folder, split)
    name = path.stem.removeprefix("captions_")
    told = json_object(contents(path))
    photos = Photos(folder, [folder / name, folder / "images" / name, folder / "images", folder])
    captions = _captions(told, photos)
    for place, one in enumerate(as_list(told, "images"), start=1):
        file = ""
        try:
            fields = as_object(one)
            file = word(fields, "file_name")
            photos.add(file, place, captions.pop(word(fields, "id"), ()))
        except InvalidInput as error:
            photos.bad(place, file, str(error))
    for image, texts in captions.items():
        photos.bad(0, "", f"{len(texts)} captions are of image_id {image}, which is not there")
    return photos.dataset()


def _captions(told: Mapping[str, object], photos: Photos) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place, one in enumerate(as_list(told, "annotations"), start=1):
        try:
            fields = as_object(one)
            found.setdefault(word(fields, "image_id"), []).append(word(fields, "caption"))
        except InvalidInput as error:
            photos.bad(place, "", f"annotation: {error}")
    return found


def _chosen(folder: Path, split: str) -> Path:
    there = files(folder)
    chosen = [name for name in there if not split or name == split]
    validation = [name for name in chosen if name.startswith("val")]
    for names in (chosen, validation):
        if len(names) == 1:
            return there[names[0]]
    raise InvalidInput(
        f"{folder} has COCO captions of {', '.join(there) or 'no split'}; choose one with --split"
    )
