"""Originals are kept whole, once, under their hash."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import rag.blobs
from rag.blobs import Blobs
from rag.errors import BadSettings, InvalidInput, NotFound, Unavailable
from rag.types import content_hash
from tests.full_disk import room_for

DATA = b"bytes of a picture"
SHA = content_hash(DATA)


@pytest.fixture(params=["folder", "folder named by URL", "another file system"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    folder = tmp_path / "the originals"
    urls = {
        "folder": str(folder),
        "folder named by URL": f"file://{folder}",
        "another file system": f"memory://{tmp_path.name}",
    }
    return Blobs(urls[request.param])


def test_what_was_put_is_given_back(blobs: Blobs) -> None:
    assert not blobs.exists(SHA)
    assert blobs.put(SHA, DATA) is True
    assert blobs.put(SHA, DATA) is False
    assert blobs.exists(SHA)
    assert blobs.get(SHA) == DATA


def test_a_part_of_it_is_read_piece_by_piece(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rag.blobs, "PIECE", 4)
    blobs.put(SHA, DATA)
    assert blobs.size(SHA) == len(DATA)
    assert list(blobs.pieces(SHA, 3, 12)) == [DATA[3:7], DATA[7:11], DATA[11:12]]
    assert list(blobs.pieces(SHA, 3, 3)) == []
    blobs.delete(SHA)
    with pytest.raises(NotFound, match=SHA):
        blobs.size(SHA)
    with pytest.raises(NotFound, match=SHA):
        next(blobs.pieces(SHA, 0, 1))


def test_what_was_deleted_is_gone(blobs: Blobs) -> None:
    blobs.put(SHA, DATA)
    assert blobs.delete(SHA) is True
    assert blobs.delete(SHA) is False
    assert not blobs.exists(SHA)
    with pytest.raises(NotFound, match=SHA):
        blobs.get(SHA)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", SHA.upper(), SHA[:-1], SHA + "\n"])
def test_only_a_hash_is_a_name(blobs: Blobs, name: str) -> None:
    for call in (blobs.get, blobs.exists, blobs.delete):
        with pytest.raises(InvalidInput):
            call(name)


def test_a_whole_file_is_not_written_again(tmp_path: Path) -> None:
    Blobs(str(tmp_path)).put(SHA, DATA)
    (path,) = (p for p in tmp_path.rglob("*") if p.is_file())
    assert path.relative_to(tmp_path).parts == (SHA[:2], SHA[2:4], SHA)
    before = path.stat().st_mtime_ns
    Blobs(str(tmp_path)).put(SHA, DATA)
    assert path.stat().st_mtime_ns == before


def test_a_file_cut_short_by_a_power_cut_is_mended(tmp_path: Path) -> None:
    blobs = Blobs(str(tmp_path))
    blobs.put(SHA, DATA)
    (tmp_path / SHA[:2] / SHA[2:4] / SHA).write_bytes(b"")
    blobs.put(SHA, DATA)
    assert blobs.get(SHA) == DATA


def test_what_has_its_name_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    rename = os.replace

    def fsync(descriptor: int) -> None:
        assert os.fstat(descriptor).st_size == len(DATA)
        told.append("on the disk")

    def replace(old: str, new: str) -> None:
        told.append("named")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    assert Blobs(str(tmp_path)).put(SHA, DATA) is True
    assert told == ["on the disk", "named"]


def test_a_look_at_the_folder_leaves_nothing_and_names_what_is_wrong(tmp_path: Path) -> None:
    Blobs(str(tmp_path / "originals")).check()
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    (tmp_path / "a file").touch()
    with pytest.raises(Unavailable, match="OLHAR_BLOBS"):
        Blobs(str(tmp_path / "a file")).check()


def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match=r"OLHAR_BLOBS.*No space left") as caught:
        Blobs(str(tmp_path)).put(SHA, DATA)
    assert caught.value.retryable
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_threads_that_put_the_same_bytes_do_not_disturb_each_other(tmp_path: Path) -> None:
    data = b"x" * 300_000
    sha, blobs, errors = content_hash(data), Blobs(str(tmp_path)), list[BaseException]()

    def put() -> None:
        try:
            blobs.put(sha, data)
            assert blobs.get(sha) == data
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_a_url_that_nothing_serves_names_the_setting() -> None:
    with pytest.raises(BadSettings, match="OLHAR_BLOBS"):
        Blobs("nothing-knows-this://bucket")


def test_a_password_in_the_url_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match=r"key:\*\*\*@bucket") as caught:
        Blobs("nothing-knows-this://key:hunter2@bucket")
    assert "hunter2" not in str(caught.value)
    blobs = Blobs("memory://key:hunter2@bucket")
    with pytest.raises(NotFound, match=r"key:\*\*\*@bucket") as missing:
        blobs.get(SHA)
    assert "hunter2" not in str(missing.value)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no answer from memory://key:hunter2@bucket")

    monkeypatch.setattr(type(blobs._fs), "info", refuse)
    with pytest.raises(Unavailable, match=r"OLHAR_BLOBS") as away:
        blobs.put(SHA, DATA)
    assert "hunter2" not in str(away.value)


def test_a_thumbnail_lies_beside_its_original_and_goes_with_it(blobs: Blobs) -> None:
    blobs.put(SHA, DATA)
    assert blobs.thumbnail(SHA) is None
    assert not blobs.has_thumbnail(SHA)
    blobs.put_thumbnail(SHA, b"small")
    assert (blobs.thumbnail(SHA), blobs.get(SHA), blobs.has_thumbnail(SHA)) == (b"small", DATA, True)
    assert blobs.delete(SHA)
    assert blobs.thumbnail(SHA) is None


@pytest.mark.parametrize("url", ["folder", "memory://kept"])
def test_all_that_is_kept_is_listed_with_its_age(tmp_path: Path, url: str) -> None:
    blobs = Blobs(str(tmp_path) if url == "folder" else url)
    assert list(blobs.kept()) == []
    others = [content_hash(bytes([n])) for n in range(20)]
    for sha in (SHA, *others):
        blobs.put(sha, DATA)
    blobs.put_thumbnail(SHA, DATA)
    assert sorted(blobs.hashes()) == sorted((SHA, *others))
    mine = {kept.form: kept for kept in blobs.kept() if kept.sha256 == SHA}
    assert mine.keys() == {"original", "thumbnail"}
    written_at = mine["thumbnail"].written_at
    assert written_at is not None
    assert abs(written_at - time.time()) < 600
    for sha in (SHA, *others):
        blobs.delete(sha)
    assert list(blobs.kept()) == []


def test_only_what_is_unfinished_is_discarded(tmp_path: Path) -> None:
    blobs = Blobs(str(tmp_path))
    blobs.put(SHA, DATA)
    path = tmp_path / SHA[:2] / SHA[2:4] / SHA
    path.with_name(f"{SHA}.0123abcd.part").write_bytes(b"half")
    path.with_name("notes.txt").write_text("somebody's")
    kept = {one.form: one for one in blobs.kept()}
    assert kept.keys() == {"original", "unfinished"}
    with pytest.raises(InvalidInput):
        blobs.discard(kept["original"])
    blobs.discard(kept["unfinished"])
    blobs.discard(kept["unfinished"])
    assert [one.form for one in blobs.kept()] == ["original"]


def test_bytes_that_arrive_are_seen_when_they_are_kept(blobs: Blobs) -> None:
    with blobs.arriving(SHA) as arriving:
        arriving.write(DATA[:5])
        arriving.write(DATA[5:])
        assert not blobs.exists(SHA)
        arriving.keep()
        assert arriving.size == len(DATA)
    assert blobs.get(SHA) == DATA


def test_bytes_that_are_not_kept_leave_nothing(tmp_path: Path) -> None:
    blobs = Blobs(str(tmp_path))
    with blobs.arriving(SHA) as arriving:
        arriving.write(DATA)
        assert [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    arriving.drop()


@pytest.mark.parametrize("last", [2_000, 200_000])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, last: int) -> None:
    """A small piece waits in a buffer, and closing the file writes it once more."""

    def arrive() -> None:
        with Blobs(str(tmp_path)).arriving(SHA) as arriving:
            arriving.write(b"x" * 99_000)
            arriving.write(b"x" * last)
            arriving.keep()

    with room_for(100_000), pytest.raises(Unavailable, match="could not be written"):
        arrive()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
