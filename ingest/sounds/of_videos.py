"""The sound of a video, where the encoder hears: windows of it as parts of the video's item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ingest import steps
from ingest.parts import Part, part_of
from ingest.sandbox import Sandbox
from ingest.sounds.decoding import Heard
from ingest.sounds.reading import HEARD, SHARE, hearing
from ingest.sounds.tracks import Track, Window
from ingest.steps import Task
from rag.blobs import Blobs
from rag.encoders.senses import hears
from rag.errors import Crashed, InvalidInput
from rag.protocols import ImageEncoder
from rag.settings import Settings
from rag.types import AUDIO, JSON, Item

TRACK: Final = "ingest.sounds.tracks:track"
SILENCE: Final = Track()


def listened(task: Task, encoder: ImageEncoder, sandbox: Sandbox, most: int, left: float) -> Track:
    """What is heard of a video, ``most`` windows: nothing where the encoder does not hear, or that is 0.

    It may take as many seconds as are ``left`` of the video's deadline. A sound that cannot be read is no
    reason to refuse the video: its problems say so. Raises Crashed, since another try may go well.
    """
    if not (most and hears(encoder)):
        return SILENCE
    try:
        found: Track = sandbox.call(TRACK, task.data, task.name, most, SHARE * left, deadline=left)
    except InvalidInput as error:
        return Track(problems=(f"its sound was not heard: {error}",))
    except Crashed as error:
        raise Crashed(
            f"{error}, over its sound; OLHAR_VIDEO_SOUNDS=0 leaves that of all videos out"
        ) from None
    return found


def sound_parts(item: Item, title: str, windows: Sequence[Window], hashes: Sequence[str]) -> list[Part]:
    """The parts of the video ``item``; each window is kept under its hash."""
    parts = []
    for number, (sha256, window) in enumerate(zip(hashes, windows, strict=True), start=1):
        metadata: dict[str, JSON] = {"title": title, "seconds": window.seconds}
        part = part_of(item, f"sound-{number}", "image", number, metadata)
        parts.append(Part(replace(part, modality=AUDIO, content_hash=sha256)))
    return parts


def encode_sound_parts(
    parts: Sequence[Part],
    blobs: Blobs,
    encoder: ImageEncoder,
    sandbox: Sandbox,
    settings: Settings,
    batch: int,
) -> None:
    """Vectors of those parts that are sounds, as `olhar reindex` would make them: from what is kept.

    Raises what ``sandbox`` and ``blobs`` raise, and ModelUnavailable.
    """
    heard = [part for part in parts if part.item.modality == AUDIO]
    for start in range(0, len(heard), batch):
        some = heard[start : start + batch]
        read: list[Heard] = [
            sandbox.call(HEARD, blobs.get(part.item.content_hash), deadline=settings.parse_seconds)
            for part in some
        ]
        vectors = steps.encoded([one.sound for one in read], hearing(encoder))
        for part, vector in zip(some, vectors, strict=True):
            part.image_vector = None if isinstance(vector, str) else vector
