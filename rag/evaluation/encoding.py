"""The vectors of a data set: pictures decoded as in ingestion, texts encoded once each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from rag.errors import BadImage, InvalidInput
from rag.evaluation.datasets import BadRow, Dataset, Photo
from rag.evaluation.stopwatch import Stopwatch
from rag.images import working_picture
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Matrix, Pixels

IMAGE_BATCH = 32
TEXT_BATCH = 512

Watch: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """What encodes, who is told how far it is, and who measures how long it takes."""

    images: ImageEncoder
    texts: TextEncoder
    max_pixels: int
    watch: Watch = lambda *_: None
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def photos(self, dataset: Dataset) -> tuple[Dataset, Matrix]:
        """The data set without the photos that cannot be decoded, and the vectors of the others.

        Raises InvalidInput when no photo is left.
        """
        good: list[Photo] = []
        bad: list[BadRow] = []
        vectors: list[Matrix] = []
        seen = 0
        for batch in _decoded(dataset, self.max_pixels):
            bad += [picture for _, picture in batch if isinstance(picture, BadRow)]
            usable = [(photo, picture) for photo, picture in batch if not isinstance(picture, BadRow)]
            good += [photo for photo, _ in usable]
            if usable:
                with self.stopwatch.timing("encode photos", len(usable)):
                    vectors.append(self.images.encode_images([picture for _, picture in usable]))
            seen += len(batch)
            self.watch("photos", seen, len(dataset.photos))
        if not vectors:
            raise InvalidInput(f"not one picture of {dataset.folder} can be used; the first: {bad[0].reason}")
        left = replace(dataset, photos=tuple(good), bad_rows=(*dataset.bad_rows, *bad))
        return left, np.concatenate(vectors)

    def stored(self, texts: Sequence[str]) -> Matrix:
        """Texts as they are stored."""
        return self._encoded(texts, self.texts.encode_documents, "texts")

    def for_images(self, queries: Sequence[str]) -> Matrix:
        """Queries that look for pictures."""
        return self._encoded(queries, self.images.encode_text_queries, "queries")

    def for_texts(self, queries: Sequence[str]) -> Matrix:
        """Queries that look for texts."""
        return self._encoded(queries, self.texts.encode_queries, "queries, for texts")

    def _encoded(self, texts: Sequence[str], encode: Callable[[Sequence[str]], Matrix], what: str) -> Matrix:
        """A row for each text; equal texts are encoded once."""
        different = list(dict.fromkeys(texts))
        parts = []
        for start in range(0, len(different), TEXT_BATCH):
            some = different[start : start + TEXT_BATCH]
            with self.stopwatch.timing(f"encode {what}", len(some)):
                parts.append(encode(some))
            self.watch(what, min(start + TEXT_BATCH, len(different)), len(different))
        if not parts:
            return np.zeros((0, 0), np.float32)
        place = {text: i for i, text in enumerate(different)}
        return np.asarray(np.concatenate(parts)[[place[text] for text in texts]], np.float32)


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
