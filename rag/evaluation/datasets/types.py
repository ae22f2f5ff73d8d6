"""What every form of data set is read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo, the line that names it (from 1; in a list, its place), and what is true of it."""

    path: Path
    line: int
    captions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that is to be found, by the name that its data set gives it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of passages: which are right, and how right (1 or more)."""

    text: str
    right: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that could not be used, or not all of it; ``file`` is what it names, empty for nothing."""

    line: int
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """The usable photos, in the order of their lines, and what was wrong with the others.

    Or, in a data set of texts, passages and questions. ``folder`` holds all photos.
    """

    folder: Path
    photos: tuple[Photo, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()
    passages: tuple[Passage, ...] = ()
    questions: tuple[Question, ...] = ()
