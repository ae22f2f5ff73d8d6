"""Measure how well an encoder, and the fusion of all legs, find the right photos.

Every photo is scored for every query on every leg, with no candidates and no index: what is measured is
the encoder and the fusion. The scores are those of ``rag.retrieval``, computed for many queries at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rag.errors import BadImage, InvalidInput
from rag.evaluation.datasets import BadRow, Dataset, Photo
from rag.evaluation.measures import Tally
from rag.evaluation.protocols import Plan, Protocol, plan
from rag.evaluation.scoring import Gallery
from rag.images import working_picture
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Calibration, Leg, Matrix, Pixels

IMAGE_BATCH = 32
TEXT_BATCH = 512
SCORED = 256
"""Queries scored at a time."""

Watch: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Means over all queries, of each leg alone and of their fusion; each measure is in [0, 1]."""

    protocol: Protocol
    encoder: str
    photos: int
    queries: int
    legs: Mapping[Leg, Mapping[str, float]]
    fused: Mapping[str, float]
    bad_rows: tuple[BadRow, ...]


def evaluate(
    dataset: Dataset,
    protocol: Protocol,
    images: ImageEncoder,
    texts: TextEncoder,
    calibration: Calibration,
    *,
    max_pixels: int,
    watch: Watch = lambda *_: None,
) -> Evaluation:
    """Encode the photos and the queries of a data set, rank, and measure.

    Photos that cannot be decoded join the bad rows. Raises InvalidInput when nothing is left to ask, and
    ModelUnavailable when an encoder cannot be had. The same data and encoders give the same figures.
    """
    plan(dataset.photos, protocol)  # before the photos, which take long
    dataset, vectors = _encode_photos(dataset, images, max_pixels, watch)
    todo = plan(dataset.photos, protocol)
    captioned = [place for place, text in enumerate(todo.stored) if text]
    captions = _encode_texts([todo.stored[p] for p in captioned], texts.encode_documents, "captions", watch)
    gallery = Gallery(vectors, dict(zip(captioned, captions, strict=True)), todo.stored, calibration)
    by_image = _encode_texts(todo.queries, images.encode_text_queries, "queries", watch)
    by_caption = None
    if captioned:
        by_caption = _encode_texts(todo.queries, texts.encode_queries, "queries, for captions", watch)
    legs, fused = _measured(gallery, todo, by_image, by_caption, watch)
    return Evaluation(
        protocol,
        images.fingerprint.name,
        len(dataset.photos),
        len(todo.queries),
        legs,
        fused,
        tuple(sorted(dataset.bad_rows, key=lambda row: row.line)),
    )


def _measured(
    gallery: Gallery, todo: Plan, by_image: Matrix, by_caption: Matrix | None, watch: Watch
) -> tuple[dict[Leg, Mapping[str, float]], Mapping[str, float]]:
    legs: dict[Leg, Tally] = {}
    fused = Tally()
    for start in range(0, len(todo.queries), SCORED):
        some = slice(start, start + SCORED)
        scores = gallery.scores(
            todo.queries[some], by_image[some], None if by_caption is None else by_caption[some]
        )
        for leg, values in scores.items():
            legs.setdefault(leg, Tally()).add(_rankings(values), todo.relevant[some])
        fused.add(_rankings(gallery.fused(scores)), todo.relevant[some])
        watch("measuring", min(start + SCORED, len(todo.queries)), len(todo.queries))
    return {leg: tally.means() for leg, tally in legs.items()}, fused.means()


def _rankings(scores: NDArray[np.float64]) -> Iterator[NDArray[np.intp]]:
    """Places by falling score, equal ones in their order; without those that the leg does not find."""
    for row, order in zip(scores, np.argsort(-scores, axis=1, kind="stable"), strict=True):
        yield order[: int(np.isfinite(row).sum())]


def _encode_photos(
    dataset: Dataset, images: ImageEncoder, max_pixels: int, watch: Watch
) -> tuple[Dataset, Matrix]:
    """The data set without the photos that cannot be decoded, and the vectors of the others."""
    good: list[Photo] = []
    bad: list[BadRow] = []
    vectors: list[Matrix] = []
    seen = 0
    for batch in _decoded(dataset, max_pixels):
        bad += [picture for _, picture in batch if isinstance(picture, BadRow)]
        usable = [(photo, picture) for photo, picture in batch if not isinstance(picture, BadRow)]
        good += [photo for photo, _ in usable]
        if usable:
            vectors.append(images.encode_images([picture for _, picture in usable]))
        seen += len(batch)
        watch("photos", seen, len(dataset.photos))
    if not vectors:
        raise InvalidInput(f"not one picture of {dataset.folder} can be used; the first: {bad[0].reason}")
    return replace(dataset, photos=tuple(good), bad_rows=(*dataset.bad_rows, *bad)), np.concatenate(vectors)


def _decoded(dataset: Dataset, max_pixels: int) -> Iterator[list[tuple[Photo, Pixels | BadRow]]]:
    """Batches of photos with their pixels, each decoded while the one before is used."""

    def opened(photo: Photo) -> Pixels | BadRow:
        name = photo.path.relative_to(dataset.folder).as_posix()
        try:
            return working_picture(photo.path.read_bytes(), max_pixels=max_pixels).pixels
        except OSError as error:
            return BadRow(photo.line, name, f"cannot be read: {error.strerror or error}")
        except BadImage as error:
            return BadRow(photo.line, name, str(error))

    def batch_at(start: int) -> list[tuple[Photo, Pixels | BadRow]]:
        return [(photo, opened(photo)) for photo in dataset.photos[start : start + IMAGE_BATCH]]

    with ThreadPoolExecutor(1, "olhar-decode") as ahead:
        waiting = ahead.submit(batch_at, 0)
        for start in range(0, len(dataset.photos), IMAGE_BATCH):
            batch = waiting.result()
            waiting = ahead.submit(batch_at, start + IMAGE_BATCH)
            yield batch


def _encode_texts(
    texts: Sequence[str], encode: Callable[[Sequence[str]], Matrix], what: str, watch: Watch
) -> Matrix:
    """A row for each text; equal texts are encoded once."""
    different = list(dict.fromkeys(texts))
    parts = []
    for start in range(0, len(different), TEXT_BATCH):
        parts.append(encode(different[start : start + TEXT_BATCH]))
        watch(what, min(start + TEXT_BATCH, len(different)), len(different))
    if not parts:
        return np.zeros((0, 0), np.float32)
    place = {text: i for i, text in enumerate(different)}
    return np.asarray(np.concatenate(parts)[[place[text] for text in texts]], np.float32)
