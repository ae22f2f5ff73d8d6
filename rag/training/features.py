"""What the frozen towers make of a data set, computed once and kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.encoders.compact.compile import IMAGE, TAPS, TEXT
from rag.encoders.compact.portuguese import digest as lexicon_digest
from rag.encoders.compact.towers import ImageTower, TextTower
from rag.errors import BadImage, InvalidInput
from rag.training.datasets import BadRow, Photo, Photos, load
from rag.types import Matrix, Pixels

BATCH = 64


@dataclass(frozen=True, slots=True)
class Features:
    """``image`` (photos, 2960), ``logits`` (photos, 1000), ``text`` (captions, 768), in the order of
    ``photos``, from which pictures that could not be decoded are gone.
    """

    photos: Photos
    image: Matrix
    logits: Matrix
    text: Matrix


def features_of(
    photos: Photos,
    image: ImageTower,
    text: TextTower,
    *,
    keep: Path | None = None,
    on_photos: Callable[[int], None] = lambda _: None,
) -> Features:
    """Decode and encode everything; ``keep`` is a folder where the result stays for the next run.

    A picture that cannot be decoded becomes a bad row. ``on_photos`` is told how many were done. Raises
    InvalidInput when none is left.
    """
    path = keep / f"features-{_digest(photos)}.npz" if keep else None
    if path is not None and path.is_file():
        return _read(path, photos)
    usable: list[int] = []
    bad: list[BadRow] = []
    parts = []
    for start in range(0, len(photos.photos), BATCH):
        batch = photos.photos[start : start + BATCH]
        pixels = _decoded(batch, start, usable, bad)
        if pixels:
            parts.append(image(pixels))
        on_photos(len(batch))
    if not parts:
        raise InvalidInput(f"none of the {len(photos.photos)} pictures of {photos.source} can be decoded")
    kept = _only(photos, usable, bad)
    found = Features(
        kept,
        _rounded(np.concatenate([features for features, _ in parts])),
        _rounded(np.concatenate([logits for _, logits in parts])),
        _rounded(text.features(kept.captions)),
    )
    if path is not None:
        _write(path, found, usable, bad)
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


def _only(photos: Photos, usable: Sequence[int], bad: Sequence[BadRow]) -> Photos:
    return replace(photos, photos=tuple(photos.photos[n] for n in usable), bad=(*photos.bad, *bad))


def _digest(photos: Photos) -> str:
    told = [
        (str(p.path), p.path.stat().st_size, p.path.stat().st_mtime_ns, p.captions) for p in photos.photos
    ]
    return hashlib.sha256(
        repr((IMAGE.sha256, TEXT.sha256, lexicon_digest(), TAPS, told)).encode()
    ).hexdigest()[:16]


def _write(path: Path, found: Features, usable: Sequence[int], bad: Sequence[BadRow]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".npz.part")
    with os.fdopen(handle, "wb") as file:
        np.savez(
            file,
            image=found.image.astype(np.float16),
            logits=found.logits.astype(np.float16),
            text=found.text.astype(np.float16),
            usable=np.array(usable),
            bad=np.array([(row.where, row.reason) for row in bad], dtype=np.str_).reshape(-1, 2),
        )
    os.replace(draft, path)


def _read(path: Path, photos: Photos) -> Features:
    with np.load(path) as kept:
        bad = [BadRow(str(where), str(reason)) for where, reason in kept["bad"]]
        usable = [int(n) for n in kept["usable"]]
        image, logits, text = (kept[name].astype(np.float32) for name in ("image", "logits", "text"))
        return Features(_only(photos, usable, bad), image, logits, text)


def _rounded(matrix: Matrix) -> Matrix:
    """As it comes back from the file, which holds half precision: a first run equals a later one."""
    return np.asarray(matrix.astype(np.float16), np.float32)
