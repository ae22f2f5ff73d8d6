"""A selection that was written is read back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.selection import write_selection
from ingest.sources import Reading, open_sources
from rag.errors import InvalidInput, NotFound
from rag.settings import Settings
from tests.ingest.conftest import picture


def item(n: int, **more: Any) -> dict[str, Any]:
    told = {
        "item_id": f"{n:032x}",
        "kind": "image",
        "parent_id": "",
        "content_hash": f"{n:064x}",
        "sources": [f"/photos/ünder way {n}.PNG"],
        "caption": f"photo {n}",
        "tags": ["a tag", "é"],
        "metadata": {"team": "north", "captions": ["another"]},
    }
    return {**told, **more}


def original(item_id: str) -> bytes:
    return picture(int(item_id, 16))


def test_ingest_reads_it_back(tmp_path: Path) -> None:
    items = [
        item(1),
        item(2, caption="", tags=[], metadata={}),
        item(3, parent_id="x"),
        item(4, kind="passage"),
    ]
    assert write_selection(items, original, tmp_path / "out") == (2, 2)
    reading = Reading.of(Settings(data=tmp_path / "data"), local=True)
    one, two = open_sources([str(tmp_path / "out" / "manifest.jsonl")], reading)
    assert (one.read(), two.read()) == (picture(1), picture(2))
    assert one.source.endswith(".png")
    told = one.description
    assert (told.caption, told.captions, told.tags) == ("photo 1", ("another",), ("a tag", "é"))
    assert told.metadata == {"team": "north"}
    assert not two.description


def test_a_name_leads_nowhere_else(tmp_path: Path) -> None:
    items = [item(1, sources=["../../x.sh/../.."]), item(2, sources=[]), item(3, sources=["a." + "b" * 200])]
    assert write_selection(items, original, tmp_path / "out") == (3, 0)
    names = [json.loads(line)["path"] for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    assert names == [f"pictures/{n:064x}" for n in (1, 2, 3)]
    assert all((tmp_path / "out" / name).is_file() for name in names)


def test_nothing_is_overwritten_or_half_written(tmp_path: Path) -> None:
    def gone(_: str) -> bytes:
        raise NotFound("its original is gone")

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(InvalidInput, match="not empty"):
        write_selection([item(1)], original, tmp_path / "full")
    with pytest.raises(NotFound):
        write_selection([item(1)], gone, tmp_path / "out")
    with pytest.raises(InvalidInput, match="nothing was selected"):
        write_selection([item(3, parent_id="x")], original, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
