"""Recall of heads of `compact` on a folder, and runs of training that share their features."""

from __future__ import annotations

import json
from pathlib import Path

from rag.encoders.compact import TextTower
from rag.encoders.compact.classes import Classes, class_vectors, wording_mean
from rag.encoders.compact.towers import ImageTower
from rag.training.compact import Judge, Plan, train_compact
from rag.training.datasets import read_photos
from rag.training.features import features_of


class Bench:
    """Trains and measures; ``cache`` holds what the towers made of each data set."""

    def __init__(self, models: Path, cache: Path) -> None:
        self._models, self._cache = models, cache
        self._image, self._text = ImageTower(models), TextTower(models)
        self._judge = Judge(Classes.of(class_vectors(models, self._text)), wording_mean(models, self._text))

    def train(self, plan: Plan) -> Path:
        """The file of heads."""
        plan.out.mkdir(parents=True)
        self._cache.mkdir(parents=True, exist_ok=True)
        (plan.out / "cache").symlink_to(self._cache.resolve())
        return train_compact(plan, self._models).file

    def tell(self, name: str, heads: Path, *folders: Path) -> None:
        """Print the recall, text to image, of every caption of a folder over its photos."""
        for folder in folders:
            found = features_of(read_photos(folder), self._image, self._text, keep=self._cache)
            measured = json.dumps(self._judge.recall(heads, found))
            print(f"{name}, {folder.name} ({len(found.photos.photos)} photos): {measured}", flush=True)
