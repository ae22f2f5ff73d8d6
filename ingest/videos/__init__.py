"""Videos into stills with their times: what is one, which frames are kept, and how they become parts.

``decoding.film`` is run in a child process; only it touches PyAV. ``reading.read`` is the way in.
"""

from ingest.videos.kinds import EXTENSIONS, is_video
from ingest.videos.records import Film, Sampling, Still

__all__ = ["EXTENSIONS", "Film", "Sampling", "Still", "is_video"]
