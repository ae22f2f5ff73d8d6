"""What is a video is said by its content."""

from __future__ import annotations

import pytest

from ingest.videos.kinds import container_of, is_video


@pytest.mark.parametrize(
    ("data", "name", "container"),
    [
        (b"\0\0\0\x20ftypisom", "x", "mov"),
        (b"\0\0\0\x20ftypqt  ", "x.jpg", "mov"),
        (b"\0\0\0\x20ftyp3gp5", "x", "mov"),
        (b"\0\0\0\x20moov", "old.mov", "mov"),
        (b"\0\0\0\x20moov", "x", None),
        (b"\x1aE\xdf\xa3", "x.mp4", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "x", "avi"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "x.avi", None),
        (b"\0\0\0\x20ftypavif", "x.mp4", None),
        (b"\0\0\0\x20ftypheic", "x.mov", None),
        (b"\0\0\0\x20ftypmif1", "x", None),
        (b"\0\0\0\x20ftypcrx ", "x", None),
        (b"", "x.mp4", None),
    ],
)
def test_the_first_bytes_say_what_it_is(data: bytes, name: str, container: str | None) -> None:
    assert container_of(data, name) == container


@pytest.mark.parametrize(
    ("data", "name", "is_one"),
    [
        (b"hello", "x.mp4", True),  # read as a video, it says that it is none
        (b"hello", "x.txt", False),
        (b"\x89PNG\r\n", "x.mp4", False),
        (b"\0\0\0\x20ftypheic", "x.mov", False),
    ],
)
def test_a_name_counts_where_the_content_says_nothing(data: bytes, name: str, is_one: bool) -> None:
    assert is_video(data, name) is is_one
