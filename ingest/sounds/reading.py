"""A sound among the files: read in the sandbox, for an encoder that hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ingest.sandbox import Sandbox
from ingest.sounds.decoding import Heard
from ingest.steps import Task
from rag.blobs import Blobs
from rag.errors import InvalidInput, OlharError
from rag.protocols import Hearing, ImageEncoder
from rag.settings import Settings
from rag.types import AUDIO, Matrix, Sound, moment

HEARD: Final = "ingest.sounds.decoding:heard"
SHARE: Final = 0.8
"""Of the deadline: so long the child reads before it gives what it has."""
DEAF: Final = (
    "a sound, which the encoder cannot hear: choose one that does, such as OLHAR_ENCODER=imagebind:FOLDER, "
    "or OLHAR_ENCODER=clap:laion/clap-htsat-unfused with a data folder of its own (docs/models.md)"
)


def hearing(encoder: ImageEncoder) -> Callable[[Sequence[Sound]], Matrix]:
    """What makes vectors of sounds. Raises InvalidInput where the encoder does not hear."""
    if not (isinstance(encoder, Hearing) and encoder.hears):
        raise InvalidInput(DEAF)
    return encoder.encode_sounds


def read(task: Task, encoder: ImageEncoder, sandbox: Sandbox, blobs: Blobs, settings: Settings) -> None:
    """Bytes to what the encoder hears; the original is kept."""
    deadline = settings.parse_seconds
    try:
        hearing(encoder)
        found: Heard = sandbox.call(HEARD, task.data, SHARE * deadline, deadline=deadline)
        blobs.put(task.sha256, task.data)
    except OlharError as error:
        task.refused(error)
        return
    task.data = b""
    task.sound, task.modality, task.told = found.sound, AUDIO, f"{moment(found.seconds)} of sound"
    task.notes += found.problems
