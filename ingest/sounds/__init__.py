"""Sounds into windows that an encoder hears: what is one, and how it is read.

``decoding.heard`` is run in a child process; of this package it alone touches PyAV.
"""

from ingest.sounds.kinds import EXTENSIONS, is_sound

__all__ = ["EXTENSIONS", "is_sound"]
