"""On a collection that is known to be unfair each measure finds it, and each remedy lowers it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.errors import InvalidInput
from rag.store import MilvusStore
from rag.vision.fairness.auditing import audit
from rag.vision.fairness.card import HEADING, put, section
from rag.vision.fairness.groups import read_groups
from rag.vision.fairness.history import Run, over, told
from rag.vision.fairness.projection import Projection
from rag.vision.fairness.types import Fairness, Options
from rag.vision.report import fairness_page
from tests.rag.vision.biased import PICTURES, Biased, biased_store
from tests.rag.vision.conftest import SCOPE

__all__ = ["biased_store"]
UNFAIR = Options(
    by="group",
    words=["leader", "helper"],
    attributes={"pleasant": ["love"], "unpleasant": ["hatred"]},
    k=10,
    mitigated=True,
)


@pytest.fixture(scope="module")
def found(biased_store: MilvusStore) -> Fairness:
    return audit(biased_store, Biased(), SCOPE, UNFAIR)


def test_one_group_owns_each_word(found: Fairness) -> None:
    retrieval = found.measures.retrieval
    assert found.groups == {"a": 60, "b": 40}
    assert retrieval.targets == {"a": 0.6, "b": 0.4}
    assert {one.word: (one.group, one.share) for one in retrieval.worst} == {
        "leader": ("a", 1),
        "helper": ("b", 1),
    }
    assert retrieval.max_skew.value == pytest.approx((np.log(1 / 0.6) + np.log(1 / 0.4)) / 2, abs=1e-4)
    assert retrieval.max_skew.p < 0.01
    assert retrieval.ndkl.p < 0.01
    assert retrieval.ndkl.value > 5 * retrieval.ndkl.by_chance


def test_the_group_that_is_told_of_less_well_is_found_less(found: Fairness) -> None:
    recall, error = found.measures.recall, found.measures.error
    assert recall is not None
    assert error is not None
    assert recall.by_group["a"] == 1 > recall.by_group["b"]
    assert recall.gap.p < 0.05
    assert error.by_group["a"] == 0
    assert error.by_group["b"] == pytest.approx(14 / 40, abs=1e-4)
    assert error.gap.low < error.gap.value == pytest.approx(14 / 40, abs=1e-4)
    assert error.gap.p < 0.01


def test_the_favoured_group_is_the_pleasant_one(found: Fairness) -> None:
    (one,) = found.measures.associations
    assert (one.group, one.effect > 1.5, one.p_holm < 0.01) == ("a", True, True)
    assert one.low < one.effect < one.high


def test_pictures_can_stand_for_attributes(biased_store: MilvusStore) -> None:
    options = replace(UNFAIR, attributes={"cats": ["tag:cat"], "boats": ["tag:boat"]}, mitigated=False)
    assert abs(audit(biased_store, Biased(), SCOPE, options).measures.associations[0].effect) < 0.5
    with pytest.raises(InvalidInput, match="no picture has the tag cow"):
        audit(biased_store, Biased(), SCOPE, replace(options, attributes={"x": ["tag:cow"], "y": ["cat"]}))


def test_re_ranking_gives_each_group_its_share(found: Fairness) -> None:
    assert found.reranked is not None
    assert found.reranked.shares == {"a": 0.6, "b": 0.4}
    assert found.reranked.max_skew.value == pytest.approx(0, abs=1e-6)
    assert found.reranked.ndkl.value < found.measures.retrieval.ndkl.value / 5


def test_projection_takes_the_groups_out_of_words_and_associations(found: Fairness) -> None:
    assert found.projected is not None
    assert found.projected.retrieval.max_skew.value < found.measures.retrieval.max_skew.value / 2
    assert abs(found.projected.associations[0].effect) < 0.5


def test_a_projection_is_kept_in_a_file(tmp_path: Path) -> None:
    vectors = np.stack(list(PICTURES.values()))
    groups = np.array([caption[0] == "b" for caption in PICTURES]).astype(np.intp)
    projection = Projection.of(vectors, groups)
    assert projection.basis.shape == (1, vectors.shape[1])  # what all have in common stays
    projection.save(tmp_path / "p.npy")
    again = Projection.load(tmp_path / "p.npy")(vectors)
    np.testing.assert_array_equal(again, projection(vectors))
    np.testing.assert_allclose(np.linalg.norm(again, axis=1), 1, atol=1e-5)
    left = again[groups == 0].mean(axis=0) - again[groups == 1].mean(axis=0)
    before = vectors[groups == 0].mean(axis=0) - vectors[groups == 1].mean(axis=0)
    assert np.linalg.norm(left) < 0.1 * np.linalg.norm(before)
    (tmp_path / "no.npy").write_bytes(b"nothing")
    with pytest.raises(InvalidInput, match="no projection"):
        Projection.load(tmp_path / "no.npy")


def test_groups_can_come_from_a_file(biased_store: MilvusStore, tmp_path: Path, found: Fairness) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("source,who\n" + "".join(f"{name}.jpg,{name[0]}\n" for name in PICTURES))
    given = replace(UNFAIR, by="who", groups=read_groups(table, "who"))
    assert audit(biased_store, Biased(), SCOPE, given).measures == found.measures
    with pytest.raises(InvalidInput, match="column 'other'"):
        read_groups(table, "other")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"by": "nothing"}, "fewer than two groups"),
        ({"targets": {"a": 1.0}}, "no target share for the group b"),
        ({"attributes": {"one": ["love"]}}, "two attributes"),
        ({"words": []}, "from 1 to 200 words"),
    ],
)
def test_what_means_nothing_is_refused(
    biased_store: MilvusStore, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        audit(biased_store, Biased(), SCOPE, replace(UNFAIR, **changed))  # type: ignore[arg-type]  # fields of it


def test_bounds_card_history_and_page_say_the_same(found: Fairness) -> None:
    run = Run.of(found, 7.9)
    assert told({"runs": [run.said()]}) == [run]
    assert over(found, 0.9, 2.0) == []
    assert "error gap is 0.350" in over(found, 0.1, None)[-1]
    assert len(over(found, 0.1, 0.1)) == 3
    text = section(found)
    card = put(put("# Model\n\nGood.\n", text), text)
    assert card.count(HEADING) == 1
    assert card.startswith("# Model\n\nGood.\n\n## Fairness\n")
    assert put("## Fairness\nold\n## Licence\nfree\n", text).endswith("\n## Licence\nfree\n")
    assert f"| NDKL | {run.ndkl:.3f} |" in card
    page = fairness_page(replace(found, notes=["<script>"]))
    assert "<script" not in page
    assert "leader" in page
    assert f"{run.max_skew:.3f}" in page
