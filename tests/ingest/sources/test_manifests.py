"""A manifest says which files there are and what is known of each, in three formats alike."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.descriptions import Description
from ingest.sources import Reading, open_sources
from rag.settings import Settings
from tests.ingest.conftest import save
from tests.ingest.sources.conftest import refusals

ROWS: Sequence[dict[str, Any]] = (
    {"path": "a.jpg", "caption": "a dog", "tags": ["dog", "pet"], "year": 2024, "place": "Olinda"},
    {"path": "b/c.jpg", "caption": "a cat", "tags": [], "year": 2025, "place": "007"},
)


def described(manifest: Path, reading: Reading) -> dict[str, Description]:
    files = [file for file in open_sources([manifest], reading) if file.refused is None]
    return {str(Path(file.source).relative_to(manifest.parent)): file.description for file in files}


@pytest.mark.parametrize("kind", ["csv", "semicolons.csv", "jsonl", "parquet"])
def test_all_formats_say_the_same(kind: str, photos: Path, reading: Reading) -> None:
    save(photos / "a.jpg", b"x")
    save(photos / "b" / "c.jpg", b"x")
    path = photos / f"m.{kind}"
    if kind == "csv":
        save(
            path, 'path,caption,tags,year,place\na.jpg,a dog,dog;pet,2024,Olinda\nb/c.jpg,"a cat",,2025,007\n'
        )
    elif kind == "semicolons.csv":
        save(path, "\ufeffpath;caption;tags;year;place\r\na.jpg;a dog;dog|pet;2024;Olinda\r\n"
             'b/c.jpg;"a cat";[];2025;007\r\n')  # fmt: skip
    elif kind == "jsonl":
        save(path, "\n".join(map(json.dumps, ROWS)))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(ROWS)), path)
    assert described(path, reading) == {
        "a.jpg": Description("a dog", (), ("dog", "pet"), {"year": 2024, "place": "Olinda"}),
        "b/c.jpg": Description("a cat", (), (), {"year": 2025, "place": "007"}),
    }


def test_lines_about_one_file_add_up(photos: Path, reading: Reading) -> None:
    save(photos / "a.jpg", b"x")
    path = save(photos / "m.csv", "image|caption\na.jpg|one\n./a.jpg|two\n")
    assert described(path, reading) == {"a.jpg": Description("one", ("two",))}


def test_what_is_wrong_with_a_line_is_said_and_hurts_no_other(photos: Path, reading: Reading) -> None:
    save(photos / "a.jpg", b"x")
    lines = [
        "file,caption,metadata",
        "../up.jpg,x,",
        "gone.jpg,x,",
        ",x,",
        "a.jpg,ok,",
        "a.jpg,x,{",
        "1,2,3,4",
    ]
    path = save(photos / "m.csv", "\n".join(lines))
    assert described(path, reading) == {"a.jpg": Description("ok")}
    found = {name.rpartition(":")[2]: reason for name, reason in refusals(path, reading).items()}
    assert "leads out" in found["2"]
    assert "no file" in found["3"]
    assert "says of no file" in found["4"]
    assert "no valid JSON" in found["6"]
    assert "4 cells" in found["7"]


def test_an_absolute_path_may_lie_below_the_manifest_only(photos: Path, reading: Reading) -> None:
    inside, outside = save(photos / "a.jpg", b"x"), save(photos.parent / "b.jpg", b"x")
    path = save(photos / "m.csv", f"path\n{inside}\n{outside}\n")
    assert set(described(path, reading)) == {"a.jpg"}
    assert "leads out" in refusals(path, reading)[":3"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("m.csv", "a,b\n1,2\n", "none of path"),
        ("m.csv", b"path\n\xff\xfe\xff\n", "UTF-8"),
        ("m.csv", "", "none of path"),
        ("m.parquet", "no parquet", "no Parquet"),
    ],
)
def test_what_is_no_manifest_is_said(
    name: str, content: str | bytes, reason: str, photos: Path, reading: Reading
) -> None:
    assert reason in refusals(save(photos / name, content), reading)[""]


def test_values_of_parquet_become_json(photos: Path, reading: Reading) -> None:
    save(photos / "a.jpg", b"x")
    day = datetime.date(2024, 5, 1)
    row = {"path": "a.jpg", "day": day, "raw": b"x", "nan": float("nan"), "deep": {"n": [1, None]}}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), photos / "m.parquet")
    found = described(photos / "m.parquet", reading)["a.jpg"].metadata
    assert found == {"day": "2024-05-01", "deep": {"n": [1, None]}}


def test_a_line_without_end_is_one_problem(photos: Path, reading: Reading) -> None:
    save(photos / "a.jpg", b"x")
    path = save(photos / "m.jsonl", b"x" * (3 * 2**20) + b'\n{"file": "a.jpg", "caption": "A"}')
    assert described(path, reading) == {"a.jpg": Description("A")}
    assert list(refusals(path, reading)) == [":1"]


@given(st.sampled_from(["csv", "tsv", "jsonl", "parquet"]), st.binary() | st.text().map(str.encode))
def test_any_content_gives_files_or_reasons(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes
) -> None:
    head = b"path,caption\n" if kind in ("csv", "tsv") else b""
    path = save(tmp_path_factory.mktemp("any") / f"m.{kind}", head + data)
    for file in open_sources([path], Reading.of(Settings(), local=True)):
        assert file.refused is None or file.refused.reason
