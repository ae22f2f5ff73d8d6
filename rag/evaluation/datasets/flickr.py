"""Flickr8k and Flickr30k as published: a line a caption, beside a folder of pictures.

``Flickr8k.token.txt`` and ``results_20130124.token`` have ``picture.jpg#0``, a tab and the caption;
``captions.txt`` has ``picture.jpg,caption``; ``results.csv`` has ``picture.jpg| 0| caption``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from rag.errors import InvalidInput
from rag.evaluation.datasets.karpathy import PICTURES
from rag.evaluation.datasets.rows import Photos, lines, text
from rag.evaluation.datasets.types import Dataset

Parsed: TypeAlias = tuple[str, str] | None
"""A picture's file and a caption; None for a heading."""


def _token(line: str) -> Parsed:
    name, _, caption = line.partition("\t")
    return re.sub(r"#\d+$", "", name), caption


def _comma(line: str) -> Parsed:
    if line.strip() == "image,caption":
        return None
    fields = next(csv.reader([line]))
    # Some captions hold commas and were not put in quotes.
    return fields[0], ",".join(fields[1:])


def _bar(line: str) -> Parsed:
    if line.startswith("image_name|"):
        return None
    name, _, rest = line.partition("|")
    return name, rest.partition("|")[2]


FORMS: Final[Mapping[str, Callable[[str], Parsed]]] = {
    "Flickr8k.token.txt": _token,
    "results_20130124.token": _token,
    "captions.txt": _comma,
    "results.csv": _bar,
}


def file(folder: Path) -> Path | None:
    """The file of captions, if there is one."""
    return next((folder / name for name in FORMS if (folder / name).is_file()), None)


def read(folder: Path, split: str) -> Dataset:
    """The pictures, all of them or those of a split: the names in ``*.{split}Images.txt``.

    Raises InvalidInput when there are no captions, or no list of that split.
    """
    path = file(folder)
    if path is None:
        raise InvalidInput(f"{folder} has none of {', '.join(FORMS)}")
    wanted = _split(folder, split) if split and split != "all" else None
    photos = Photos(folder, [*(folder / name for name in PICTURES), folder])
    captions: dict[str, tuple[int, list[str]]] = {}
    for number, line in lines(path):
        try:
            parsed = FORMS[path.name](text(line))
            if parsed is None:
                continue
            name, caption = (part.strip() for part in parsed)
            if not name or not caption:
                raise InvalidInput("a line has to have a picture and a caption")
            captions.setdefault(name, (number, []))[1].append(caption)
        except (InvalidInput, csv.Error) as error:
            photos.bad(number, "", str(error))
    for name, (number, texts) in captions.items():
        if wanted is None or name in wanted:
            try:
                photos.add(name, number, texts)
            except InvalidInput as error:
                photos.bad(number, name, str(error))
    return photos.dataset()


def _split(folder: Path, split: str) -> set[str]:
    found = [path for path in folder.glob(f"*{split}Images.txt") if path.name.endswith(f".{split}Images.txt")]
    if not found:
        raise InvalidInput(f"{folder} has no *.{split}Images.txt, the list of --split {split}")
    return {text(line).strip() for _, line in lines(found[0])}
