"""Whether pictures of two groups get wrong labels equally often: an audit's error gap on captioned photos.

    python -m benchmarks.fairness FOLDER [--cache FOLDER]

Nothing is inferred about people: groups are where a photo was taken, as its captions say. A photo is of a
group of `fairness_places.json` where two captions or more say so and none says the other. Its label is the
one of `few_shot_labels.json` that two captions or more name, where none names another. Both lists were
written before anything was measured. The labels differ between the groups, which is a reason for a gap by
itself: so the error is also told label by label.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.cached_encoders import CachedEncoders
from benchmarks.zero_shot import SURE, mentions
from rag.build import build
from rag.evaluation.datasets import Dataset, read_dataset
from rag.settings import load_settings
from rag.store import MilvusStore
from rag.types import Item, Matrix, Row, Scope, content_hash, item_id
from rag.vision.fairness.auditing import PROMPT, audit
from rag.vision.fairness.types import Fairness, Options

SCOPE: Final = Scope("default", "photos")
HERE: Final = Path(__file__).parent
LEAST: Final = 10
"""Photos of each group from which on a label is told by itself."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos with what their captions say: a place in the names for each, -1 where they say nothing clear."""

    images: Matrix
    groups: NDArray[np.intp]
    labels: NDArray[np.intp]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    given = parser.parse_args()
    places, labels = (
        json.loads((HERE / name).read_text("utf-8"))
        for name in ("fairness_places.json", "few_shot_labels.json")
    )
    with build(load_settings()) as olhar, tempfile.TemporaryDirectory() as folder:
        encoders = CachedEncoders.of(olhar, given.cache)
        dataset, images = encoders.photos(read_dataset(given.folder))
        said = Labelled(images, clear(dataset, places.values()), clear(dataset, labels.values()))
        image, text = olhar.encoder.fingerprint, olhar.text_encoder.fingerprint
        store = MilvusStore.open(str(Path(folder) / "photos.db"), image=image, text=text)
        try:
            rows, groups = stored(said, list(places), list(labels))
            store.upsert(rows)
            options = Options(groups=groups, words=list(labels), labels=list(labels), sample=5000)
            tell(audit(store, olhar.encoder, SCOPE, options))
        finally:
            store.close()
        words = olhar.encoder.encode_text_queries([PROMPT.format(label) for label in labels])
        by_label(said, words, list(places), list(labels))


def clear(dataset: Dataset, patterns: Sequence[str]) -> NDArray[np.intp]:
    """The one pattern that two captions or more of a photo hold, where none holds another; else -1."""
    counts = mentions([photo.captions for photo in dataset.photos], list(patterns))
    alone = ((counts >= SURE).sum(axis=1) == 1) & ((counts > 0).sum(axis=1) == 1)
    return np.where(alone, counts.argmax(axis=1), -1)


def stored(said: Labelled, places: list[str], labels: list[str]) -> tuple[list[Row], dict[str, str]]:
    """Rows with the label as their tag, and the group of each by its id."""
    rows, groups = [], {}
    for n, vector in enumerate(said.images):
        sha256 = content_hash(str(n).encode())
        tags = (labels[said.labels[n]],) if said.labels[n] >= 0 else ()
        item = Item(
            item_id(SCOPE, sha256), SCOPE.tenant, "photos", content_hash=sha256, sources=(str(n),), tags=tags
        )
        rows.append(Row(item, vector))
        if said.groups[n] >= 0:
            groups[item.id] = places[said.groups[n]]
    return rows, groups


def tell(found: Fairness) -> None:
    print("pictures:", found.groups)
    for name, gap in (("zero-shot error", found.measures.error), ("recall", found.measures.recall)):
        if gap is not None:
            print(f"{name}: {gap.by_group}, of {gap.counts} pictures; gap {gap.gap}")
    print("MaxSkew", found.measures.retrieval.max_skew)


def by_label(said: Labelled, words: Matrix, places: list[str], labels: list[str]) -> None:
    """The error among photos of one label, for labels that both groups have."""
    wrong = (said.images @ words.T).argmax(axis=1) != said.labels
    for number, label in enumerate(labels):
        some = [(said.labels == number) & (said.groups == group) for group in range(len(places))]
        if all(one.sum() >= LEAST for one in some):
            told = ", ".join(
                f"{p} {wrong[one].mean():.3f} of {one.sum()}" for p, one in zip(places, some, strict=True)
            )
            print(f"  {label}: {told}")


if __name__ == "__main__":
    main()
