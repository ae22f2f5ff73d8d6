"""What is said of a whole collection, from a real store."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from rag.errors import InvalidInput
from rag.store import MilvusStore
from rag.types import Scope
from rag.vision.quality.clusters import best_clusters
from rag.vision.quality.measuring import measure
from rag.vision.quality.types import Options, Quality
from rag.vision.report import quality_page
from rag.vision.sampling import sample
from rag.vision.zero_shot import ZeroShot
from tests.api.conftest import png
from tests.rag.vision.conftest import SCOPE, Drawn


@pytest.fixture(scope="module")
def found(drawn_store: MilvusStore, words: ZeroShot) -> Quality:
    return measure(drawn_store, Drawn(), words, SCOPE, Options(mapped=50))


def test_what_was_put_in_is_found(found: Quality) -> None:
    assert (found.pictures, found.sampled, found.notes) == (91, 91, [])
    assert {one.words[0]: one.size for one in found.clusters.clusters if one.size > 5} == {
        "tree": 40,
        "boat": 30,
        "cat": 20,
    }
    assert found.outliers[0].source == "alone.jpg"
    assert (found.alike.pictures, found.alike.groups) == (2, 1)
    assert found.captions is not None
    assert found.captions.pairs == 90
    assert 0 < found.captions.alignment < 1


def test_newer_pictures_of_something_else_have_drifted(found: Quality) -> None:
    assert found.drift is not None
    assert (found.drift.newer, found.drift.older, found.drift.since) == (40, 51, 1000)
    assert found.drift.p == 0.001
    assert found.drift.nearest == 1 > found.drift.by_chance


def test_the_map_keeps_together_what_is_alike(found: Quality) -> None:
    places = np.array([(one.x, one.y) for one in found.map])
    assert len(places) == 50
    assert silhouette_score(places, [one.source[0] for one in found.map]) > 0.3


def test_the_same_seed_gives_the_same_figures(
    drawn_store: MilvusStore, words: ZeroShot, found: Quality
) -> None:
    assert measure(drawn_store, Drawn(), words, SCOPE, Options(mapped=50)) == found


def test_a_sample_is_drawn_by_the_seed_and_said(drawn_store: MilvusStore, words: ZeroShot) -> None:
    drawn = [{item.id for item in sample(drawn_store, SCOPE, 40, seed).items} for seed in (1, 2, 1)]
    assert len(drawn[0]) == 40
    assert drawn[0] == drawn[2] != drawn[1]
    assert len(sample(drawn_store, SCOPE, 1000, seed=7).rows) == 91
    few = measure(drawn_store, Drawn(), words, SCOPE, Options(sample=30))
    assert few.notes[0] == "a sample of 30 of 91 pictures was looked at"


def test_too_few_pictures_are_refused(drawn_store: MilvusStore, words: ZeroShot) -> None:
    with pytest.raises(InvalidInput, match="has 0 pictures"):
        measure(drawn_store, Drawn(), words, Scope("default", "other"))


def test_silhouettes_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(c, 0.1, (20, 3)) for c in (0, 1, 2)]).astype(np.float32)
    silhouettes, labels = best_clusters(vectors)
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    own = np.array([distances[i, labels == labels[i]].sum() / 19 for i in range(60)])
    others = [[distances[i, labels == k].mean() for k in set(labels) if k != labels[i]] for i in range(60)]
    other = np.array([min(row) for row in others])
    assert max(silhouettes, key=lambda k: silhouettes[k]) == 3
    assert silhouettes[3] == pytest.approx(((other - own) / np.maximum(own, other)).mean(), abs=1e-5)


def test_the_page_shows_the_pictures_and_runs_nothing(found: Quality) -> None:
    told = replace(found, notes=["<b>hostile</b>"], map=[replace(found.map[0], source="<script>")])
    page = quality_page(told, lambda _: png())
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "&lt;b&gt;hostile" in page
    assert page.count("data:image/webp;base64,") >= 2
    assert "http" not in page.replace("http-equiv", "")
    assert f"{found.uniformity:.2f}" in page
    assert asdict(found)["collection"] == "drawn"
