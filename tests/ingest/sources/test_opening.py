"""What is named is found, once, or refused before anything begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from ingest.descriptions import Description
from ingest.sources import Reading, open_sources
from rag.errors import BadSource, InvalidInput
from tests.ingest.conftest import save
from tests.ingest.sources.conftest import contents, packed, refusals


def names(specs: list[str | Path], reading: Reading) -> list[str]:
    return [Path(file.source).name for file in open_sources(specs, reading) if file.refused is None]


def test_patterns(photos: Path, reading: Reading) -> None:
    for name in ("b/2.jpg", "b/c/3.png", "1.jpg", ".hidden/4.jpg"):
        save(photos / name, b"x")
    assert names([f"{photos}/**/*.jpg"], reading) == ["1.jpg", "2.jpg"]
    assert names([f"{photos}/[1-9].*", f"{photos}/?.jpg"], reading) == ["1.jpg"]
    with pytest.raises(BadSource, match="matches nothing"):
        open_sources([f"{photos}/*.gif"], reading)
    save(photos / "[odd].jpg", b"x")
    assert names([photos / "[odd].jpg"], reading) == ["[odd].jpg"]


def test_a_pattern_finds_archives_and_manifests_too(photos: Path, reading: Reading) -> None:
    save(photos / "p.zip", packed("zip", {"in.jpg": b"x"}))
    save(photos / "a.jpg", b"x")
    save(photos / "m.csv", "path,caption\na.jpg,x\n")
    assert sorted(names([f"{photos}/*"], reading)) == ["a.jpg", "in.jpg"]


def test_paths_are_not_read_for_others(photos: Path, reading: Reading) -> None:
    for spec in (str(photos), "/etc/passwd", "a.jpg", "file:///etc/passwd", "memory::file:///etc/passwd"):
        with pytest.raises(BadSource):
            open_sources([spec], replace(reading, local=False))


def test_no_more_files_than_allowed(photos: Path, reading: Reading) -> None:
    for n in range(5):
        save(photos / f"{n}.jpg", b"x")
    files = list(open_sources([photos], replace(reading, files=3)))
    assert [file.refused is None for file in files] == [True, True, True, False]
    assert files[-1].refused is not None
    assert "OLHAR_SOURCE_FILES" in files[-1].refused.reason
    again = save(photos / "m.csv", "path\n0.jpg\n3.jpg\n4.jpg\n")
    twice = list(open_sources([f"{photos}/[0-2].jpg", again], replace(reading, files=3)))
    assert [file.refused is None for file in twice] == [True, True, True, False]
    with pytest.raises(InvalidInput):
        open_sources([photos / "nowhere"], reading)


def test_urls_of_fsspec(reading: Reading) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe({"/bucket/a.jpg": b"A", "/bucket/a.txt": b"a dog", "/bucket/sub/b.jpg": b"B" * 20_000})
    fs.pipe(
        {
            "/bucket/c.doc": b"C",
            "/bucket/sub/d.jpg": b"D",
            "/packed/p.tar.gz": packed("tar.gz", {"z.jpg": b"Z"}),
        }
    )
    url = "memory://bucket"
    found = {Path(f.source).name: f for f in open_sources([url], reading)}
    assert found["a.jpg"].description == Description("a dog")
    assert found["a.jpg"].read() == b"A"
    assert found["a.jpg"].revision
    assert set(found) == {"a.jpg", "b.jpg", "c.doc", "d.jpg"}
    assert "OLHAR_MAX_BYTES" in next(r for n, r in refusals(url, reading).items() if n.endswith("b.jpg"))
    assert names([f"{url}/sub/d.jpg"], reading) == ["d.jpg"]
    assert names([f"{url}/*.jpg"], reading) == ["a.jpg"]
    assert list(contents("memory://packed/p.tar.gz", reading).values()) == [b"Z"]
    (missing,) = open_sources(["memory://bucket/gone.jpg"], reading)
    assert missing.refused is not None
    assert "not there" in missing.refused.reason


def test_a_manifest_may_name_urls(photos: Path, reading: Reading) -> None:
    fsspec.filesystem("memory").pipe({"/named/a.jpg": b"A"})
    path = save(photos / "m.csv", "url,caption\nmemory://named/a.jpg,a dog\nftp://elsewhere/b.jpg,x\n")
    file, refused = sorted(open_sources([path], reading), key=lambda file: file.refused is not None)
    assert file.read() == b"A"
    assert file.description == Description("a dog")
    assert refused.source == f"{path}:3"
    assert refused.refused is not None
    assert "OLHAR_SOURCE_PROTOCOLS" in refused.refused.reason


@pytest.mark.parametrize(
    "spec", ["ftp://host/a.jpg", "file:///etc/passwd", "memory::memory://x", "s3://bucket"]
)
def test_other_protocols_are_refused(spec: str, reading: Reading) -> None:
    with pytest.raises(BadSource, match="OLHAR_SOURCE_PROTOCOLS"):
        open_sources([spec], reading)
