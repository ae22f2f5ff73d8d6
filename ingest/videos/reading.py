"""A video among the files: read in the sandbox, its stills and sounds kept and made parts of its item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, cast

from ingest.parts import Part, part_of
from ingest.sandbox import Sandbox
from ingest.sounds import reading as sounds
from ingest.sounds.of_videos import listened, sound_parts
from ingest.steps import Task
from ingest.videos.records import Choice, Film, Sampling, Still
from rag.blobs import Blobs
from rag.encoders.senses import sees
from rag.errors import BadVideo, OlharError, SoundAlone
from rag.images import thumbnail, working_picture
from rag.protocols import ImageEncoder
from rag.settings import Settings
from rag.types import JSON, VIDEO, Item, content_hash, moment

FILM: Final = "ingest.videos.decoding:film"
NOTHING: Final = "the encoder does not see, and there is nothing to be heard in it"
SHARE: Final = 0.8
"""Of the deadline: so long the child reads before it gives what it has."""


def sampling(settings: Settings) -> Sampling:
    """What OLHAR_VIDEO_FRAMES and OLHAR_VIDEO_SECONDS say."""
    choice, _, most = settings.video_frames.partition(":")
    return Sampling(int(most), cast(Choice, choice), settings.video_seconds)


def read(
    task: Task,
    item: Item,
    encoder: ImageEncoder,
    sandbox: Sandbox,
    blobs: Blobs,
    settings: Settings,
    claim: Callable[[Sequence[str]], None],
) -> None:
    """Bytes to the parts of the video ``item``; stills and windows of its sound are kept beside the original.

    An encoder that does not see has no use for stills. A file like a video that is sound alone is read as a
    sound. ``claim`` is told the hashes before, so that nobody takes them for unused.
    """
    deadline = settings.parse_seconds
    args = (task.data, task.name, sampling(settings), settings.max_pixels, SHARE * deadline)
    try:
        film: Film = sandbox.call(FILM, *args, deadline=deadline)
        track = listened(task, encoder, sandbox, settings.video_sounds, deadline - film.took)
        stills = film.stills if sees(encoder) else ()
        if not (stills or track.windows):
            raise BadVideo("; ".join((NOTHING, *track.problems)))
        kept = [*(still.data for still in stills), *(window.data for window in track.windows)]
        hashes = [content_hash(data) for data in kept]
        task.figures = tuple(dict.fromkeys(hashes))
        claim(task.figures)
        for sha256, data in zip(hashes, kept, strict=True):
            blobs.put(sha256, data)
        blobs.put(task.sha256, task.data)
        first = working_picture(film.stills[0].data, max_pixels=settings.max_pixels)
        blobs.put_thumbnail(task.sha256, thumbnail(first.pixels, settings.thumbnail))
    except SoundAlone:
        sounds.read(task, encoder, sandbox, blobs, settings)
        return
    except OlharError as error:
        task.refused(error)
        return
    task.data = b""
    task.taken_at = film.taken_at if task.file_metadata else 0
    item = replace(item, taken_at=task.taken_at)
    seen, heard = hashes[: len(stills)], hashes[len(stills) :]
    task.parts = [
        *_parts(item, task.name, stills, seen),
        *sound_parts(item, task.name, track.windows, heard),
    ]
    task.modality, task.summary = VIDEO, _summary(film, len(seen), len(heard))
    task.told = _told(film, len(seen), len(heard))
    task.notes += (*film.problems, *track.problems)


def _parts(item: Item, title: str, stills: Sequence[Still], hashes: Sequence[str]) -> list[Part]:
    parts = []
    for number, (sha256, still) in enumerate(zip(hashes, stills, strict=True), start=1):
        metadata: dict[str, JSON] = {"title": title, "seconds": still.seconds}
        part = part_of(item, f"frame-{number}", "image", number, metadata)
        parts.append(Part(replace(part, content_hash=sha256)))
    return parts


def _summary(film: Film, frames: int, sounds: int) -> dict[str, JSON]:
    """As the summary of a document."""
    counts: dict[str, JSON] = {"passages": 0, "figures": frames, **({"sounds": sounds} if sounds else {})}
    return {"kind": VIDEO, "seconds": film.seconds, **counts}


def _told(film: Film, frames: int, sounds: int) -> str:
    counts = ((frames, "frame"), (sounds, "sound"))
    told = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts if count)
    return f"{told} of {moment(film.seconds)}"
