"""Small data sets on disk, of plain colours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.images import as_pillow
from rag.store import MilvusStore
from tests.rag.retrieval.conftest import ToyEncoder

MakeDataset = Callable[..., Path]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """``make_dataset({"file": "a.png", "captions": […]}, …)``: the folder; ``rgb`` paints the picture."""

    def make(*rows: dict[str, Any] | str) -> Path:
        lines = []
        for row in rows:
            if isinstance(row, dict) and (rgb := row.pop("rgb", None)) is not None:
                as_pillow(np.full((4, 4, 3), rgb, np.uint8)).save(tmp_path / row["file"])
            lines.append(json.dumps(row) if isinstance(row, dict) else row)
        (tmp_path / "captions.jsonl").write_text("\n".join(lines), "utf-8")
        return tmp_path

    return make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MilvusStore]:
    """A store in the toy encoder's space."""
    opened = MilvusStore.open(
        str(tmp_path / "toy.db"), image=ToyEncoder.fingerprint, text=ToyEncoder.fingerprint
    )
    yield opened
    opened.close()
