"""The splits of Karpathy and Fei-Fei 2015, of Flickr8k, Flickr30k and COCO: one ``dataset_*.json``.

It has ``images``: ``filename``, perhaps ``filepath``, ``split``, and ``sentences`` with their ``raw`` text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rag.errors import InvalidInput
from rag.evaluation.datasets.rows import Photos, as_list, as_object, contents, json_object, word
from rag.evaluation.datasets.types import Dataset

PATTERN = "dataset*.json"
PICTURES = (
    "images",
    "Images",
    "Flicker8k_Dataset",
    "Flickr8k_Dataset",
    "flickr30k-images",
    "flickr30k_images",
)
"""Where the pictures usually lie, besides the folder itself."""


def files(folder: Path) -> list[Path]:
    """The files that may be of this form."""
    return sorted(folder.glob(PATTERN))


def read(folder: Path, split: str) -> Dataset:
    """The pictures of a split, ``test`` unless told; ``all`` for every one.

    Raises InvalidInput when there is not one file, or it has no such split.
    """
    there = files(folder)
    if len(there) != 1:
        raise InvalidInput(f"{folder} has to hold one {PATTERN}; it has {len(there)}")
    told = as_list(json_object(contents(there[0])), "images")
    photos = Photos(folder, [*(folder / name for name in PICTURES), folder])
    splits: set[str] = set()
    for place, one in enumerate(told, start=1):
        name = ""
        try:
            fields = as_object(one)
            of = str(fields.get("split", ""))
            splits.add(of)
            if split == "all" or of == (split or "test"):
                name = _file(fields)
                photos.add(name, place, _sentences(fields))
        except InvalidInput as error:
            photos.bad(place, name, str(error))
    if split != "all" and (split or "test") not in splits:
        raise InvalidInput(f"{there[0]} has no split {split or 'test'}; it has {', '.join(sorted(splits))}")
    return photos.dataset()


def _file(fields: Mapping[str, object]) -> str:
    folder = fields.get("filepath")
    name = word(fields, "filename")
    return f"{folder}/{name}" if isinstance(folder, str) and folder else name


def _sentences(fields: Mapping[str, object]) -> list[str]:
    return [word(as_object(one), "raw") for one in as_list(fields, "sentences")]
