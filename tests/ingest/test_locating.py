"""Files put down where they lie: nothing is copied that can be read again, and what changed is said."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ingest.locating import put_down, taken_up
from ingest.queue import Queue
from ingest.run import ingest
from ingest.sources import Reading, SourceFile, open_sources
from ingest.sources.packed import SPARE, unzipped
from rag.errors import InvalidInput, OlharError
from rag.records.types import FileRow

from .conftest import SCOPE, FakeParts, picture, save
from .sources.conftest import packed

FILES = {"a.png": picture(1), "sub/b.png": picture(2), "c.png": picture(3)}


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[FakeParts]:
    parts = FakeParts(tmp_path / "parts", source_protocols="memory")
    yield parts
    parts.records.close()


@pytest.fixture
def reading(parts: FakeParts) -> Reading:
    return Reading.of(parts.settings, local=True)


def row(parts: FakeParts, file: SourceFile) -> FileRow:
    """As the records have it."""
    known = put_down(file, parts.staged, parts.settings.max_bytes)
    job_id = parts.records.jobs.submit(SCOPE, [known])
    (found,) = parts.records.jobs.files(SCOPE.tenant, job_id)
    return found


def staged(parts: FakeParts) -> list[Path]:
    return [path for path in Path(parts.staged.url).rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_of_archives_are_read_where_they_are(
    parts: FakeParts, reading: Reading, tmp_path: Path, kind: str
) -> None:
    path = save(tmp_path / f"tríp.{kind}", packed(kind, FILES))
    files = list(open_sources([path], reading))
    rows = [row(parts, file) for file in files]
    assert [taken_up(one, parts.staged, reading).read() for one in rows] == [
        FILES[file.source.partition("!/")[2]] for file in files
    ]
    assert not staged(parts)
    ingest(parts, SCOPE, [])
    assert sorted(parts.store.items) == ["a.png", "b.png", "c.png"]
    os.utime(path, ns=(1, 1))
    for one in rows:
        with pytest.raises(OlharError, match="the archive was changed"):
            taken_up(one, parts.staged, reading).read()


def test_what_cannot_be_read_again_is_staged(parts: FakeParts, reading: Reading, tmp_path: Path) -> None:
    path = save(tmp_path / "trip.tar.gz", packed("tar.gz", FILES))
    rows = [row(parts, file) for file in open_sources([path], reading)]
    path.unlink()
    assert sorted(taken_up(one, parts.staged, reading).read() for one in rows) == sorted(FILES.values())
    assert len(staged(parts)) == 3


def test_a_bucket_is_listed_first_and_read_when_its_turn_comes(
    parts: FakeParts, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = MemoryFileSystem()
    for name, data in FILES.items():
        fs.pipe_file(f"/in-turn/{name}", data)
    opened: list[str] = []
    plain = MemoryFileSystem._open

    def watched(self: MemoryFileSystem, path: str, *args: object, **options: object) -> object:
        opened.append(path)
        return plain(self, path, *args, **options)

    monkeypatch.setattr(MemoryFileSystem, "_open", watched)
    job_id = Queue(parts).submit(SCOPE, open_sources(["memory://in-turn"], reading))
    assert not opened
    ingest(parts, SCOPE, [])
    assert sorted(opened) == sorted(f"/in-turn/{name}" for name in FILES)
    rows = parts.records.jobs.files(SCOPE.tenant, job_id)
    assert [one.status for one in rows] == ["indexed"] * 3
    assert [one.locator for one in rows] == [{"url": one.source} for one in rows]
    assert not staged(parts)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_damaged_member_is_told(tmp_path: Path, method: int) -> None:
    data = bytes(range(256)) * 40
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a.bin", data)
        entry = archive.infolist()[0]
    raw = (tmp_path / "a.zip").read_bytes()
    known = {
        "offset": entry.header_offset,
        "size": len(data),
        "packed": entry.compress_size,
        "method": method,
        "crc": entry.CRC,
    }

    def at(content: bytes, **changed: int) -> bytes:
        return unzipped(lambda offset, size: content[offset : offset + size], **{**known, **changed})

    assert at(raw) == data
    middle = entry.compress_size // 2 + 40
    broken = raw[:middle] + bytes([raw[middle] ^ 255]) + raw[middle + 1 :]
    for content, changed in (
        (broken, {}),
        (raw[:middle], {}),
        (b"", {}),
        (raw, {"offset": 5}),
        (raw, {"crc": 1}),
        (raw, {"size": 10, "packed": SPARE * 100}),
    ):
        with pytest.raises(InvalidInput, match="damaged in the archive"):
            at(content, **changed)
