"""What a user names, as files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from ingest.descriptions import Description
from ingest.sources import buckets, manifests, web
from ingest.sources.archives import archived, is_archive, told
from ingest.sources.files import SourceFile, shown
from ingest.sources.folders import walk
from ingest.sources.reading import Reading
from rag.errors import BadSource
from rag.fetch.downloads import checked
from rag.urls import without_password

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(:[^/]*:)?//")


def open_sources(specs: Sequence[str | Path], reading: Reading) -> Iterator[SourceFile]:
    """The files that are meant, each once, those that cannot be used with the reason.

    A spec is a file, a folder, a pattern (``photos/**/*.jpg``), a ZIP or TAR, a manifest, or a URL. Raises
    BadSource, before anything is given, for one that is not there, that matches nothing or is not allowed.
    """
    paths: list[Path] = []
    others: list[Iterator[SourceFile]] = []
    for spec in dict.fromkeys(specs):
        if isinstance(spec, str) and _URL.match(spec):
            listed = web.listed if web.is_web(spec) else buckets.listed
            _check(spec, reading)
            others.append(told(without_password(spec), partial(listed, spec, reading)))
        elif not reading.local:
            raise BadSource(f"{spec!s:.200} is no URL; files of the server itself are not read for others")
        else:
            paths += _matching(spec)
    plain = []
    for path in paths:
        if path.is_file() and is_archive(path.name):
            others.append(told(shown(path), partial(archived, path, reading)))
        elif path.is_file() and manifests.is_manifest(path):
            others.append(told(shown(path), partial(manifests.listed, path, reading, single)))
        else:
            plain.append(path)
    return counted(_once(chain(walk(plain, skip=reading.skip), *others)), reading.files)


def _check(url: str, reading: Reading) -> None:
    if web.is_web(url):
        checked(url)
    else:
        buckets.check(url, reading)


def single(url: str, description: Description, reading: Reading) -> SourceFile:
    """The file at a URL of the web or of an object store. Raises BadSource for one that is not allowed."""
    if web.is_web(url):
        return web.single(url, description, reading)
    return buckets.single(url, description, reading)


def _matching(spec: str | Path) -> list[Path]:
    """The path, or what the pattern means; a file whose name looks like a pattern is a file."""
    if not glob.has_magic(str(spec)) or os.path.lexists(spec):
        return [Path(spec)]
    found = sorted(glob.iglob(str(spec), recursive=True))
    if not found:
        raise BadSource(f"{spec!s:.200} matches nothing")
    return [Path(path) for path in found]


def _once(files: Iterable[SourceFile]) -> Iterator[SourceFile]:
    """Each source once, and all that is refused."""
    seen: set[str] = set()
    for file in files:
        if file.refused is None:
            if file.source in seen:
                continue
            seen.add(file.source)
        yield file


def counted(files: Iterable[SourceFile], limit: int) -> Iterator[SourceFile]:
    """No more than ``limit`` files; then one receipt says that the rest was left out."""
    for count, file in enumerate(files):
        if count == limit:
            reason = f"more than {limit:,} files (OLHAR_SOURCE_FILES): this one and the rest were left out"
            yield SourceFile.refuse(file.source, "failed", reason)
            return
        yield file
