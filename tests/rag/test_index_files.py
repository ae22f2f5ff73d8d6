"""An exported index is read without Olhar and finds what the collection holds."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from rag.errors import InvalidInput, Unavailable
from rag.index_files import write_index
from rag.store import MilvusStore
from rag.types import Scope
from tests.rag.vision.conftest import SCOPE, Drawn, drawn_store, rows

__all__ = ["drawn_store"]
PAGE = Path(__file__).parents[2] / "docs" / "export.md"


def test_it_holds_every_vector_in_the_order_of_the_items(drawn_store: MilvusStore, tmp_path: Path) -> None:
    written = write_index(drawn_store, SCOPE, Drawn.fingerprint, tmp_path / "out")
    index: Any = faiss.read_index(str(tmp_path / "out" / "index.faiss"))
    items = [json.loads(line) for line in (tmp_path / "out" / "items.jsonl").read_text().splitlines()]
    vectors = {row.item.id: row.image_vector for row in rows() if row.image_vector is not None}
    assert [item["id"] for item in items] == sorted(vectors)
    stored = np.stack([index.reconstruct(n) for n in range(index.ntotal)])
    np.testing.assert_allclose(stored, np.stack([vectors[i] for i in sorted(vectors)]), atol=1e-6)
    assert (index.metric_type, index.hnsw.efConstruction) == (faiss.METRIC_INNER_PRODUCT, 40)
    assert index.hnsw.nb_neighbors(1) == 32
    told = json.loads((tmp_path / "out" / "index.json").read_text())
    assert told == asdict(written)
    assert told["fingerprint"] == asdict(Drawn.fingerprint)
    for name, digest in told["sha256"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


def test_it_finds_what_exact_search_finds(drawn_store: MilvusStore, tmp_path: Path) -> None:
    write_index(drawn_store, SCOPE, Drawn.fingerprint, tmp_path / "out")
    index = faiss.read_index(str(tmp_path / "out" / "index.faiss"))
    items = [json.loads(line) for line in (tmp_path / "out" / "items.jsonl").read_text().splitlines()]
    query = Drawn().encode_text_queries(["a boat"])
    scores, places = index.search(query, 10)
    exact = drawn_store.search(SCOPE, "image", "image", query[0], limit=10)
    assert {items[n]["id"] for n in places[0]} == {item_id for item_id, _ in exact}
    np.testing.assert_allclose(sorted(scores[0]), sorted(score for _, score in exact), atol=1e-5)


def test_nothing_is_overwritten_or_half_written(drawn_store: MilvusStore, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(InvalidInput, match="not empty"):
        write_index(drawn_store, SCOPE, Drawn.fingerprint, tmp_path / "full")
    with pytest.raises(InvalidInput, match="no image vectors"):
        write_index(drawn_store, Scope("default", "other"), Drawn.fingerprint, tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_without_faiss_it_says_what_to_install(
    drawn_store: MilvusStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(Unavailable, match=r"olhar\[faiss\]"):
        write_index(drawn_store, SCOPE, Drawn.fingerprint, tmp_path / "out")


def test_the_example_of_the_documentation_runs_without_olhar(
    drawn_store: MilvusStore, tmp_path: Path
) -> None:
    write_index(drawn_store, SCOPE, Drawn.fingerprint, tmp_path / "holidays-index")
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert "rag" not in re.findall(r"^(?:import|from) (\w+)", example, re.M)
    done = subprocess.run(
        [sys.executable, "-I", "-c", example], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 5
    assert done.stdout.startswith("1.000 ")
