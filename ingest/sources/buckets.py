"""URLs of object stores and whatever else fsspec reaches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from fsspec.core import url_to_fs

from ingest.descriptions import Description
from ingest.sources.archives import is_archive, unpacked
from ingest.sources.beside import Member, described
from ingest.sources.files import URL, SourceFile, too_large
from ingest.sources.reading import Reading
from rag.errors import BadSource, OlharError, SourceUnavailable
from rag.types import JSON
from rag.urls import without_password

CHUNK = 2**20
NEVER = frozenset({"file", "local", "http", "https"})
"""Paths are read as such, and the web by ways that look at addresses."""


def check(url: str, reading: Reading) -> None:
    """Raises BadSource unless the URL's protocol is allowed."""
    protocol = url.partition("://")[0].lower()
    if "::" in url or protocol in NEVER or protocol not in reading.protocols:
        allowed = ", ".join(sorted(reading.protocols - NEVER)) or "none"
        raise BadSource(
            f"{without_password(url)}: URLs of this kind are not allowed; OLHAR_SOURCE_PROTOCOLS allows: "
            f"{allowed}"
        )


def listed(url: str, reading: Reading) -> Iterator[SourceFile]:
    """The file at a URL, all below it, those that a pattern means, or those in an archive.

    Raises BadSource when there is nothing, and SourceUnavailable when that cannot be told.
    """
    fs, path = _opened(url, reading)
    with _translated(url):
        if set("*?[") & set(path):
            entries = [info for info in fs.glob(path, detail=True).values() if info["type"] == "file"]
            yield from _files(
                fs, path.split("*")[0].rpartition("/")[0], entries[: reading.files + 1], reading
            )
            if not entries:
                raise BadSource(f"{without_password(url)} matches nothing")
        elif (info := fs.info(path))["type"] == "directory":
            yield from _files(fs, path, _walked(fs, path, reading.files + 1), reading)
        elif is_archive(path):
            yield from unpacked(_copied(fs, path, reading), _source(fs, path), reading)
        else:
            yield _member(fs, info, "", reading).file(_source(fs, path), Description())


def single(url: str, description: Description, reading: Reading) -> SourceFile:
    """The file at a URL, not looked at before it is read."""
    fs, path = _opened(url, reading)
    read = partial(_read, fs, path, reading.max_bytes)
    return SourceFile(_source(fs, path), read, description, replaces=True, locator=_locator(fs, path))


def _opened(url: str, reading: Reading) -> tuple[Any, str]:
    check(url, reading)
    try:
        fs, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BadSource(f"{without_password(url)} cannot be used: {without_password(str(error))}") from None
    return fs, str(path)


def _files(fs: Any, root: str, entries: list[Any], reading: Reading) -> Iterator[SourceFile]:
    members = [_member(fs, info, root, reading) for info in entries]
    return described(members, lambda name: _source(fs, f"{root.rstrip('/')}/{name}"))


def _member(fs: Any, info: Any, root: str, reading: Reading) -> Member:
    path, size = str(info["name"]), int(info["size"] or 0)
    mark = info.get("ETag") or info.get("etag") or info.get("LastModified") or info.get("created") or ""
    return Member(
        name=PurePosixPath(path.removeprefix(root.rstrip("/")).lstrip("/")).as_posix(),
        size=size,
        read=partial(_read, fs, path, reading.max_bytes),
        revision=f"{mark}-{size}" if mark else "",
        refused=too_large(size, reading.max_bytes),
        locator=_locator(fs, path),
    )


def _walked(fs: Any, path: str, limit: int) -> list[Any]:
    found: list[Any] = []
    for _, _, files in fs.walk(path, detail=True):
        found += files.values()
        if len(found) >= limit:
            break
    return found[:limit]


def _read(fs: Any, path: str, max_bytes: int) -> bytes:
    with _translated(_source(fs, path)), fs.open(path, "rb") as file:
        data = bytes(file.read(max_bytes + 1))
        if len(data) > max_bytes:
            raise BadSource(f"too large: more than {max_bytes:,} bytes (OLHAR_MAX_BYTES)")
        return data


def _copied(fs: Any, path: str, reading: Reading) -> BinaryIO:
    """An archive, in a temporary file without a name."""
    copy = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  # it is handed on
    try:
        with fs.open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                copy.write(chunk)
                if copy.tell() > reading.archive_bytes:
                    raise BadSource(
                        f"the archive has more than {reading.archive_bytes:,} bytes (OLHAR_ARCHIVE_BYTES)"
                    )
        copy.flush()
    except BaseException:
        copy.close()
        raise
    return copy


def _locator(fs: Any, path: str) -> dict[str, JSON]:
    """By which a worker finds it; not where that takes more than the address, such as a password."""
    url = _source(fs, path)
    return {URL: url} if url_to_fs(url) == (fs, path) else {}


def _source(fs: Any, path: str) -> str:
    return without_password(str(fs.unstrip_protocol(path)))


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except OlharError:
        raise
    except FileNotFoundError:
        raise BadSource(f"{without_password(url)} is not there") from None
    except PermissionError as error:
        raise BadSource(f"{without_password(url)} may not be read: {error}") from None
    except Exception as error:  # each of fsspec's back ends has errors of its own
        reason = str(error) or type(error).__name__
        raise SourceUnavailable(without_password(f"{url} cannot be read: {reason}")) from error
