"""Limits that are small, and archives of given files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.sources import Reading, SourceFile, open_sources
from rag.settings import Settings

Files = Mapping[str, bytes]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    settings = Settings(data=tmp_path / "data", source_protocols="memory")
    return replace(Reading.of(settings, local=True), max_bytes=10_000)


def packed(kind: str, files: Files) -> bytes:
    """An archive: ``zip``, ``tar``, ``tar.gz``, ``tar.bz2`` or ``tar.xz``."""
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        mode: Any = f"w:{kind.partition('.')[2]}"
        with tarfile.open(fileobj=out, mode=mode) as archive_:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive_.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def contents(path: Path | str, reading: Reading) -> dict[str, bytes]:
    """What can be read at a source, by the name within it."""
    files = [file for file in open_sources([path], reading) if file.refused is None]
    return {_within(file, path): file.read() for file in files}


def refusals(path: Path | str, reading: Reading) -> dict[str, str]:
    """What is refused, and why."""
    return {
        _within(file, path): file.refused.reason
        for file in open_sources([path], reading)
        if file.refused is not None
    }


def _within(file: SourceFile, path: Path | str) -> str:
    return file.source.removeprefix(str(path)).removeprefix("!/").removeprefix("/")
