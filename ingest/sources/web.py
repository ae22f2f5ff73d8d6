"""URLs of the web: a file each, or an archive."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from ingest.descriptions import Description
from ingest.sources.archives import is_archive, unpacked
from ingest.sources.files import URL, SourceFile
from ingest.sources.reading import Reading
from rag.fetch import Fetcher
from rag.fetch.downloads import checked


def is_web(url: str) -> bool:
    """Whether a URL is one of http or https."""
    return url.partition("://")[0].lower() in ("http", "https")


def listed(url: str, reading: Reading) -> Iterator[SourceFile]:
    """The file at a URL, or those in an archive there; only an archive is downloaded to say so.

    Raises BadSource and SourceUnavailable as ``Fetcher.fetch``.
    """
    target = checked(url)
    if not is_archive(PurePosixPath(target.path).name):
        yield single(url, Description(), reading)
        return
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  # it is handed on
    try:
        reading.fetcher.fetch(url, copy, max_bytes=reading.archive_bytes, limit="OLHAR_ARCHIVE_BYTES")
        copy.flush()
    except BaseException:
        copy.close()
        raise
    yield from unpacked(copy, str(target), reading)


def single(url: str, description: Description, reading: Reading) -> SourceFile:
    """The file at a URL, not looked at before it is read. Raises BadSource for a URL that is none."""
    source = str(checked(url))
    fetcher, max_bytes = reading.fetcher, reading.max_bytes
    return SourceFile(
        source,
        partial(_read, fetcher, source, max_bytes),
        description,
        replaces=True,
        stream=partial(_stream, fetcher, source, max_bytes),
        locator={URL: source},
    )


def _read(fetcher: Fetcher, url: str, max_bytes: int) -> bytes:
    sink = io.BytesIO()
    fetcher.fetch(url, sink, max_bytes=max_bytes)
    return sink.getvalue()


def _stream(fetcher: Fetcher, url: str, max_bytes: int) -> BinaryIO:
    """The whole content, in a temporary file."""
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  # it is handed on
    try:
        fetcher.fetch(url, copy, max_bytes=max_bytes)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy
