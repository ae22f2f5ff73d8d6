"""A tiny CLIP with random weights, and photos of plain colours to tune it on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rag.training.dual import Dual
from tests.rag.encoders.tiny_models import tiny_clip

COLOURS = {
    "red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "yellow": (220, 220, 20),
    "violet": (160, 20, 200), "white": (240, 240, 240), "black": (10, 10, 10), "grey": (120, 120, 120),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for one another at every small step are slow on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("tuning") / "clip")


@pytest.fixture
def make_dual(clip: Path) -> Callable[[], Dual]:
    return lambda: Dual.load(str(clip), device="cpu")


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen pictures of eight colours with two captions each, and two rows that cannot be used."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for number in range(2):
        for name, colour in COLOURS.items():
            pixels = np.clip(rng.normal(colour, 12, (36, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}{number}.png")
            rows.append({"file": f"{name}{number}.png", "captions": [name, f"all {name}"]})
    (folder / "broken.png").write_bytes(b"no picture")
    rows += [{"file": "broken.png", "captions": ["x"]}, {"file": "gone.png", "captions": ["x"]}]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return folder
