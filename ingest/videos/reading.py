"""A video among the files: read in the sandbox, its stills kept and made parts of its item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, cast

from ingest.parts import Part, part_of
from ingest.sandbox import Sandbox
from ingest.steps import Task
from ingest.videos.records import Choice, Film, Sampling
from rag.blobs import Blobs
from rag.errors import OlharError
from rag.images import thumbnail, working_picture
from rag.settings import Settings
from rag.types import JSON, VIDEO, Item, content_hash, moment

FILM: Final = "ingest.videos.decoding:film"
SHARE: Final = 0.8
"""Of the deadline: so long the child reads before it gives what it has."""


def sampling(settings: Settings) -> Sampling:
    """What OLHAR_VIDEO_FRAMES and OLHAR_VIDEO_SECONDS say."""
    choice, _, most = settings.video_frames.partition(":")
    return Sampling(int(most), cast(Choice, choice), settings.video_seconds)


def read(
    task: Task,
    item: Item,
    sandbox: Sandbox,
    blobs: Blobs,
    settings: Settings,
    claim: Callable[[Sequence[str]], None],
) -> None:
    """Bytes to the parts of the video ``item``; stills are kept beside the original.

    ``claim`` is told their hashes before, so that nobody takes them for unused.
    """
    deadline = settings.parse_seconds
    args = (task.data, task.name, sampling(settings), settings.max_pixels, SHARE * deadline)
    try:
        film: Film = sandbox.call(FILM, *args, deadline=deadline)
        hashes = [content_hash(still.data) for still in film.stills]
        task.figures = tuple(dict.fromkeys(hashes))
        claim(task.figures)
        for sha256, still in zip(hashes, film.stills, strict=True):
            blobs.put(sha256, still.data)
        blobs.put(task.sha256, task.data)
        first = working_picture(film.stills[0].data, max_pixels=settings.max_pixels)
        blobs.put_thumbnail(task.sha256, thumbnail(first.pixels, settings.thumbnail))
    except OlharError as error:
        task.refused(error)
        return
    task.data = b""
    task.taken_at = film.taken_at if task.file_metadata else 0
    task.parts = _parts(replace(item, taken_at=task.taken_at), task.name, film, hashes)
    task.modality, task.summary, task.told = VIDEO, _summary(film), _told(film)
    task.notes += film.problems


def _parts(item: Item, title: str, film: Film, hashes: Sequence[str]) -> list[Part]:
    parts = []
    for number, (sha256, still) in enumerate(zip(hashes, film.stills, strict=True), start=1):
        metadata: dict[str, JSON] = {"title": title, "seconds": still.seconds}
        part = part_of(item, f"frame-{number}", "image", number, metadata)
        parts.append(Part(replace(part, content_hash=sha256)))
    return parts


def _summary(film: Film) -> dict[str, JSON]:
    """As the summary of a document."""
    return {"kind": VIDEO, "seconds": film.seconds, "passages": 0, "figures": len(film.stills)}


def _told(film: Film) -> str:
    count = len(film.stills)
    return f"{count} frame{'' if count == 1 else 's'} of {moment(film.seconds)}"
