"""Captions that are longer than the encoder reads: noted in the receipt of their file."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.steps import Task, waiting
from rag.protocols import TextEncoder


def note_truncated(tasks: Sequence[Task], encoder: TextEncoder) -> None:
    """Note it with each file whose caption vector was made of the beginning of its captions only.

    The captions are stored whole, and found by all their words.
    """
    captioned = [task for task in waiting(tasks) if task.caption_vector is not None]
    cut = encoder.overlong_documents([task.described.words for task in captioned])
    for place, tokens in cut.items():
        task = captioned[place]
        what = "captions of" if task.described.text else "caption of"
        task.notes.append(
            f"{what} {tokens} tokens, of which {encoder.fingerprint.name} reads the first "
            f"{encoder.max_tokens}: what comes after is found by its words only; set OLHAR_TEXT_ENCODER to a "
            "model with a longer context"
        )
