"""Documents among the files: read in the sandbox, and their parts encoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from ingest import steps
from ingest.documents import Document, Limits, kind_of
from ingest.parts import DOCUMENT, Part, parts_of, summary, told, words_of
from ingest.sandbox import Sandbox
from ingest.steps import Task
from rag.blobs import Blobs
from rag.errors import OlharError
from rag.images import phash, working_picture
from rag.protocols import ImageEncoder, TextEncoder
from rag.settings import Settings
from rag.types import AUDIO, Item, content_hash

PARSE = "ingest.documents.parsing:parse"


def is_document(task: Task) -> bool:
    """Whether the bytes are a document's. One of a kind that cannot be read gets its receipt."""
    try:
        return kind_of(task.data, task.name) is not None
    except OlharError as error:
        task.refused(error)
        return True


def read(
    task: Task,
    item: Item,
    sandbox: Sandbox,
    blobs: Blobs,
    settings: Settings,
    claim: Callable[[Sequence[str]], None],
) -> None:
    """Bytes to the parts of the document ``item``; pictures of figures are kept beside the original.

    ``claim`` is told their hashes before, so that nobody takes them for unused.
    """
    folder = os.path.dirname(task.file.path) if task.file.path is not None else None
    limits = Limits(pixels=settings.max_pixels)
    args = (task.data, task.name, "", folder, limits)
    try:
        document: Document = sandbox.call(PARSE, *args, deadline=settings.parse_seconds)
        task.figures = tuple(dict.fromkeys(content_hash(figure.data) for figure in document.figures))
        claim(task.figures)
        for figure in document.figures:
            blobs.put(content_hash(figure.data), figure.data)
        blobs.put(task.sha256, task.data)
    except OlharError as error:
        task.refused(error)
        return
    task.data = b""
    task.parts = parts_of(document, item)
    task.modality, task.summary, task.told = DOCUMENT, summary(document), told(document)
    task.notes += document.notes


def encode_parts(
    parts: Sequence[Part],
    blobs: Blobs,
    images: ImageEncoder,
    texts: TextEncoder,
    batch: int,
    max_pixels: int,
) -> None:
    """Figures by their pixels, and all parts by their words. A picture that cannot be encoded leaves its
    figure with its words alone.

    Pictures are read from ``blobs`` when their turn comes: all of a batch's documents would take much memory.
    Raises ModelUnavailable, BadImage for what is no picture after all, and what ``blobs`` raises.
    """
    figures = [part for part in parts if part.item.kind == "image" and part.item.modality != AUDIO]
    for start in range(0, len(figures), batch):
        some = figures[start : start + batch]
        files = (blobs.get(part.item.content_hash) for part in some)
        pixels = [working_picture(data, max_pixels=max_pixels).pixels for data in files]
        vectors = steps.encoded(pixels, images.encode_images)
        for part, one, vector in zip(some, pixels, vectors, strict=True):
            part.item = replace(part.item, phash=phash(one))
            part.image_vector = None if isinstance(vector, str) else vector
    worded = [part for part in parts if words_of(part.item)]
    for start in range(0, len(worded), batch):
        spoken = worded[start : start + batch]
        found = steps.encoded([words_of(part.item) for part in spoken], texts.encode_documents)
        for part, vector in zip(spoken, found, strict=True):
            part.caption_vector = None if isinstance(vector, str) else vector
