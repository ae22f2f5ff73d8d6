"""Archives are read in place: nothing leads out of them, nothing grows beyond its bounds, damage is said."""

from __future__ import annotations

import io
import json
import stat
import struct
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.descriptions import Description
from ingest.sources import Reading, open_sources, walk
from ingest.sources.kept import FLOOR
from rag.settings import Settings
from tests.ingest.conftest import save
from tests.ingest.sources.conftest import contents, packed, refusals

KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_members_are_read_in_the_order_of_their_names(kind: str, photos: Path, reading: Reading) -> None:
    files = {"b/2.jpg": b"two", "a.jpg": b"one", "b/1.jpg": b"three" * 100, ".hidden.jpg": b"x"}
    path = save(photos / f"p.{kind}", packed(kind, {**files, "__MACOSX/._a.jpg": b"x"}))
    assert list(contents(path, reading).items()) == [
        ("a.jpg", b"one"), ("b/1.jpg", b"three" * 100), ("b/2.jpg", b"two")
    ]  # fmt: skip
    first = next(iter(open_sources([path], reading)))
    assert (first.source, first.size, first.replaces) == (f"{path}!/a.jpg", 3, True)
    assert first.open().read() == b"one"
    assert [p.name for p in photos.iterdir()] == [path.name]


@kinds
def test_sidecars_in_an_archive_describe(kind: str, photos: Path, reading: Reading) -> None:
    captions = [{"file": "b/1.jpg", "captions": ["one", "uno"]}, {"file": "no.jpg", "caption": "x"}]
    files = {
        "a/captions.jsonl": "\n".join(map(json.dumps, captions)).encode(),
        "a/b/1.jpg": b"x",
        "a/2.jpg": b"x",
        "a/2.txt": b"two",
        "a/3.jpg": b"x",
        "a/3.json": b"[]",
        "notes.xyz": b"notes",
    }
    path = save(photos / f"p.{kind}", packed(kind, files))
    found = {
        f.source.rpartition("!/")[2]: f.description for f in open_sources([path], reading) if not f.refused
    }
    assert found == {
        "a/2.jpg": Description("two"), "a/3.jpg": Description(), "a/b/1.jpg": Description("one", ("uno",))
    }  # fmt: skip
    assert {name: reason[:20] for name, reason in refusals(path, reading).items()} == {
        "a/captions.jsonl:2": "describes 'no.jpg', ",
        "a/3.json": "not a JSON object bu",
        "notes.xyz": "neither a picture no",
    }


@kinds
def test_what_leads_out_is_refused_and_the_rest_goes_on(kind: str, photos: Path, reading: Reading) -> None:
    names = ["../up.jpg", "a/../../up.jpg", "/etc/abs.jpg", "C:\\x.jpg", "..\\w.jpg"]
    path = save(photos / f"p.{kind}", packed(kind, {**dict.fromkeys(names, b"x"), "ok.jpg": b"ok"}))
    assert contents(path, reading) == {"ok.jpg": b"ok"}
    assert set(refusals(path, reading).values()) == {"its path leads out of the archive"}
    assert len(refusals(path, reading)) == len(names)


def test_links_and_devices_are_refused(photos: Path, reading: Reading) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for n, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
            entry = tarfile.TarInfo(f"{n}.jpg")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    path = save(photos / "p.tar", out.getvalue())
    link = "a link, which is not followed"
    assert list(refusals(path, reading).values()) == [link, link, "no regular file", "no regular file"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        entry_ = zipfile.ZipInfo("l.jpg")
        entry_.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(entry_, "/etc/passwd")
    assert refusals(save(photos / "p.zip", out.getvalue()), reading) == {"l.jpg": link}


@kinds
def test_bounds_of_bytes_and_files(kind: str, photos: Path, reading: Reading) -> None:
    path = save(photos / f"p.{kind}", packed(kind, {"a.jpg": b"x" * 6000, "b.jpg": b"y" * 20_000}))
    assert contents(path, reading) == {"a.jpg": b"x" * 6000}
    assert "OLHAR_MAX_BYTES" in refusals(path, reading)["b.jpg"]
    few = replace(reading, archive_files=1)
    assert any("OLHAR_ARCHIVE_FILES" in reason for reason in refusals(path, few).values())
    little = replace(reading, archive_bytes=5000)
    assert contents(path, little) == {}
    assert any("OLHAR_ARCHIVE_BYTES" in reason for reason in refusals(path, little).values())


def test_a_compressed_tar_is_unpacked_no_further_than_its_size_lets_expect(
    photos: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(photos / "p.tar.gz", packed("tar.gz", {"a.jpg": bytes(9000), "b.jpg": bytes(9_000)}))
    assert FLOOR > 2**20
    monkeypatch.setattr("ingest.sources.kept.FLOOR", 1000)
    monkeypatch.setattr("ingest.sources.kept.RATIO", 10)
    assert contents(path, reading) == {}
    assert "unpacks to more than" in refusals(path, reading)[""]


def test_a_zip_that_lies_about_sizes_is_cut_off(photos: Path, reading: Reading) -> None:
    """The size is in the directory and before the data; the data is what counts."""
    data = packed("zip", {"a.jpg": b"x" * 9000})
    lying = data.replace(struct.pack("<L", 9000), struct.pack("<L", 7))
    path = save(photos / "p.zip", lying)
    (file,) = open_sources([path], reading)
    with pytest.raises(Exception, match="damaged in the archive"):
        file.read()


def test_one_damaged_member_hurts_no_other(photos: Path, reading: Reading) -> None:
    data = packed("zip", {"a.jpg": b"a" * 50, "b.jpg": bytes(range(200))})
    at = data.index(b"b.jpg") + 20
    path = save(photos / "p.zip", data[:at] + b"XXXX" + data[at + 4 :])
    a, b = open_sources([path], reading)
    assert a.read() == b"a" * 50
    with pytest.raises(Exception, match="damaged in the archive"):
        b.read()


def test_encrypted_members_and_odd_compressions_are_refused(photos: Path, reading: Reading) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.jpg", b"x" * 100)
    assert "method 14" in refusals(save(photos / "p.zip", out.getvalue()), reading)["a.jpg"]
    data = bytearray(packed("zip", {"a.jpg": b"x"}))
    data[data.index(b"PK\1\2") + 8] |= 1
    assert "encrypted" in refusals(save(photos / "q.zip", bytes(data)), reading)["a.jpg"]


def test_a_name_in_utf8_that_does_not_say_so_is_understood(photos: Path, reading: Reading) -> None:
    data = packed("zip", {"pra\u00e7a.jpg": b"x"})
    for sign, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.index(sign) + place
        data = data[:at] + b"\0\0" + data[at + 2 :]
    assert contents(save(photos / "p.zip", data), reading) == {"pra\u00e7a.jpg": b"x"}


def test_a_tar_that_is_cut_short_or_damaged_says_so(photos: Path, reading: Reading) -> None:
    """Python's own reader stops there in silence."""
    data = packed("tar", {f"{n}.jpg": bytes(600) for n in range(4)})
    second = 512 + 1024
    cut = save(photos / "cut.tar", data[: 2 * second])
    assert set(contents(cut, reading)) == {"0.jpg", "1.jpg"}
    assert "cut short" in refusals(cut, reading)[""]
    broken = save(photos / "broken.tar", data[:second] + b"?" * 512 + data[second + 512 :])
    assert set(contents(broken, reading)) == {"0.jpg"}
    assert refusals(broken, reading)[""] == f"damaged at byte {second:,}: what comes after is missing"
    gz = packed("tar.gz", {f"{n}.jpg": bytes(600) for n in range(4)})
    files = open_sources([save(photos / "c.tar.gz", gz[:-20])], reading)
    assert any(file.refused and "compression is damaged" in file.refused.reason for file in files)


def test_a_zip_without_its_end_is_refused_as_a_whole(photos: Path, reading: Reading) -> None:
    data = packed("zip", {"a.jpg": b"x"})
    assert "cut short" in refusals(save(photos / "p.zip", data[:-22]), reading)[""]
    assert "not a TAR" in refusals(save(photos / "q.zip", b"nothing of the kind" * 100), reading)[""]


def test_members_of_one_name_are_told_apart(photos: Path, reading: Reading) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for data in (b"old", b"new"):
            entry = tarfile.TarInfo("a.jpg")
            entry.size = 3
            archive.addfile(entry, io.BytesIO(data))
    path = save(photos / "p.tar", out.getvalue())
    assert contents(path, reading) == {"a.jpg": b"new"}
    assert "further on" in refusals(path, reading)["a.jpg"]


@kinds
def test_members_can_be_read_by_several_threads(kind: str, photos: Path, reading: Reading) -> None:
    files = {f"{n:03}.jpg": bytes([n]) * (n * 17) for n in range(100)}
    sources = list(open_sources([save(photos / f"p.{kind}", packed(kind, files))], reading))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda file: file.read(), sources)) == list(files.values())


def test_an_archive_within_a_folder_is_named(photos: Path) -> None:
    save(photos / "p.tar.gz", packed("tar.gz", {}))
    (file,) = walk([photos])
    assert file.refused is not None
    assert "an archive" in file.refused.reason


@given(st.sampled_from(KINDS), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8))
def test_whatever_is_damaged_gives_files_or_reasons(
    tmp_path_factory: pytest.TempPathFactory, kind: str, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(packed(kind, {f"{n}.jpg": bytes(range(200)) for n in range(3)}))
    for place, value in changes:
        data[place % len(data)] = value
    path = save(tmp_path_factory.mktemp("damaged") / f"p.{kind}", bytes(data))
    for file in open_sources([path], Reading.of(Settings(), local=True)):
        if file.refused is None:
            try:
                assert len(file.read()) <= 2**20
            except Exception as error:
                assert "damaged" in str(error)  # noqa: PT017  # both outcomes are right
