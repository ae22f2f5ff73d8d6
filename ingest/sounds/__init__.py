"""Sounds, and those of videos, into windows that an encoder hears: what is one, and how it is read.

``decoding.heard`` and ``tracks.track`` are run in a child process; of this package they alone use PyAV.
"""

from ingest.sounds.kinds import EXTENSIONS, is_sound

__all__ = ["EXTENSIONS", "is_sound"]
