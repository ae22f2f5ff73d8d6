"""Which form a data set is in, by its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rag.errors import InvalidInput
from rag.evaluation.datasets import beir, coco, flickr, folder, karpathy, xm3600
from rag.evaluation.datasets.types import Dataset


@dataclass(frozen=True, slots=True)
class Form:
    """``fits``: whether a folder looks like it. ``read``: the folder, a split and a language to a data set.

    ``options``: those of ``split`` and ``language`` that it knows. ``files``: what it is recognised by.
    """

    files: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, str, str], Dataset]
    options: frozenset[str] = frozenset({"split"})


FORMATS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        "beir": Form(
            f"{beir.CORPUS}, {beir.QUERIES} and qrels/",
            lambda path: (path / beir.CORPUS).is_file() and (path / beir.QUERIES).is_file(),
            lambda path, split, _: beir.read(path, split),
        ),
        "karpathy": Form(
            karpathy.PATTERN,
            lambda path: bool(karpathy.files(path)),
            lambda path, split, _: karpathy.read(path, split),
        ),
        "coco": Form(
            f"annotations/{coco.PATTERN}",
            lambda path: bool(coco.files(path)),
            lambda path, split, _: coco.read(path, split),
        ),
        "xm3600": Form(
            f"{xm3600.CAPTIONS} with {xm3600.KEY}",
            xm3600.fits,
            lambda path, _, language: xm3600.read(path, language),
            frozenset({"language"}),
        ),
        "folder": Form(
            folder.CAPTIONS,
            lambda path: (path / folder.CAPTIONS).is_file(),
            lambda path, *_: folder.read(path),
            frozenset(),
        ),
        "flickr": Form(
            " or ".join(flickr.FORMS),
            lambda path: flickr.file(path) is not None,
            lambda path, split, _: flickr.read(path, split),
        ),
    }
)
"""By the names that ``olhar eval --format`` takes; the first that fits is taken."""


def read_dataset(path: Path, form: str = "", *, split: str = "", language: str = "") -> Dataset:
    """The data set in a folder; pictures are not opened yet.

    ``form`` is a key of FORMATS, else it is found by the files. Raises InvalidInput when there is no such
    form, the folder has not its files, or the form knows no splits or languages.
    """
    if form and form not in FORMATS:
        raise InvalidInput(f"there is no format {form!r}; there are {', '.join(FORMATS)}")
    name = form or next((name for name, one in FORMATS.items() if one.fits(path)), "")
    if not name:
        known = "; ".join(f"{one.files} ({name})" for name, one in FORMATS.items())
        raise InvalidInput(f"{path} is no data set that is known: a folder with one of {known}")
    for option, given in (("split", split), ("language", language)):
        if given and option not in FORMATS[name].options:
            raise InvalidInput(f"--{option} says nothing for the format {name}; leave it away")
    return FORMATS[name].read(path, split, language)
