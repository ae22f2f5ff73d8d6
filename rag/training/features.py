"""What the frozen towers make of a data set, computed once and kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.encoders.compact.compile import IMAGE, TAPS, TEXT
from rag.encoders.compact.portuguese import digest as lexicon_digest
from rag.encoders.compact.towers import TEXT_FEATURES, Floats, ImageTower, TextTower
from rag.errors import BadImage, InvalidInput
from rag.training.datasets import BadRow, Photo, Photos, load
from rag.training.views import VIEWS, View, seen
from rag.types import Pixels

BATCH = 64


@dataclass(frozen=True, slots=True)
class Features:
    """``image`` (views, photos, 2960), ``logits`` (photos, 1000) of the whole photos, ``text`` (captions,
    1536), in the order of ``photos``, from which pictures that could not be decoded are gone.
    """

    photos: Photos
    image: Floats
    logits: Floats
    text: Floats


@dataclass(frozen=True, slots=True)
class Pictures:
    """The half of ``Features`` that comes from pictures; ``usable`` are those that could be decoded."""

    image: Floats
    logits: Floats
    usable: list[int]
    bad: list[BadRow]


def features_of(
    photos: Photos,
    image: ImageTower,
    text: TextTower,
    *,
    views: Sequence[View] = VIEWS[:1],
    keep: Path | None = None,
    on_photos: Callable[[int], None] = lambda _: None,
) -> Features:
    """Decode and encode everything; ``keep`` is a folder where the result stays for the next run.

    The first of ``views`` is the whole photo. A picture that cannot be decoded becomes a bad row.
    ``on_photos`` is told how many were done. Raises InvalidInput when none is left.
    """
    pictures = pictures_of(photos, image, views=views, keep=keep, on_photos=on_photos)
    kept = replace(
        photos,
        photos=tuple(photos.photos[n] for n in pictures.usable),
        bad=(*photos.bad, *pictures.bad),
    )
    path = (
        keep / f"captions-{_hash(TEXT.sha256, TEXT_FEATURES, lexicon_digest(), kept.captions)}.npz"
        if keep
        else None
    )
    if path is not None and path.is_file():
        with np.load(path) as file:
            said = file["text"].astype(np.float32)
    else:
        said = _rounded(text.features(kept.captions))
        if path is not None:
            _write(path, text=said.astype(np.float16))
    return Features(kept, pictures.image, pictures.logits, said)


def pictures_of(
    photos: Photos,
    image: ImageTower,
    *,
    views: Sequence[View],
    keep: Path | None,
    on_photos: Callable[[int], None] = lambda _: None,
) -> Pictures:
    """What the image tower makes of every view. Raises InvalidInput when no picture can be decoded."""
    told = [(str(p.path), p.path.stat().st_size, p.path.stat().st_mtime_ns) for p in photos.photos]
    path = keep / f"pictures-{_hash(IMAGE.sha256, TAPS, tuple(views), told)}.npz" if keep else None
    if path is not None and path.is_file():
        return _read(path)
    usable: list[int] = []
    bad: list[BadRow] = []
    parts, logits = [], []
    for start in range(0, len(photos.photos), BATCH):
        batch = photos.photos[start : start + BATCH]
        pixels = _decoded(batch, start, usable, bad)
        if pixels:
            each = [image([seen(one, view) for one in pixels]) for view in views]
            parts.append(np.stack([features for features, _ in each]))
            logits.append(each[0][1])
        on_photos(len(batch))
    if not parts:
        raise InvalidInput(f"none of the {len(photos.photos)} pictures of {photos.source} can be decoded")
    found = Pictures(_rounded(np.concatenate(parts, axis=1)), _rounded(np.concatenate(logits)), usable, bad)
    if path is not None:
        _write(
            path,
            image=found.image.astype(np.float16),
            logits=found.logits.astype(np.float16),
            usable=np.array(usable),
            bad=np.array([(row.where, row.reason) for row in bad], dtype=np.str_).reshape(-1, 2),
        )
    return found


def _decoded(batch: Sequence[Photo], start: int, usable: list[int], bad: list[BadRow]) -> list[Pixels]:
    pixels = []
    for number, photo in enumerate(batch, start=start):
        try:
            pixels.append(load(photo))
            usable.append(number)
        except BadImage as error:
            bad.append(BadRow(str(photo.path), str(error)))
    return pixels


def _hash(*told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _write(path: Path, **arrays: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".npz.part")
    with os.fdopen(handle, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    os.replace(draft, path)


def _read(path: Path) -> Pictures:
    with np.load(path) as kept:
        image, logits = (kept[name].astype(np.float32) for name in ("image", "logits"))
        bad = [BadRow(str(where), str(reason)) for where, reason in kept["bad"]]
        return Pictures(image, logits, [int(n) for n in kept["usable"]], bad)


def _rounded(matrix: Floats) -> Floats:
    """As it comes back from the file, which holds half precision: a first run equals a later one."""
    return np.asarray(matrix.astype(np.float16), np.float32)
