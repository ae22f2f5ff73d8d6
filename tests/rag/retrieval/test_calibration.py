"""Weights are learned from questions with known answers, and kept for the encoders they were fitted for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import InvalidInput
from rag.models import GENERIC
from rag.retrieval.calibration import fit_order, fit_relevance, rescaled
from rag.retrieval.calibration_file import FORMAT, NAME, forget, load, save
from rag.retrieval.fusion import LegScores, calibrated
from rag.types import Calibration, Fingerprint

PRINT = Fingerprint("x", "w", "p", 4)


def world(queries: int, items: int = 40, seed: int = 0) -> tuple[LegScores, NDArray[np.intp]]:
    """Captions tell the right item well, pictures hardly, and every third item has no caption."""
    rng = np.random.default_rng(seed)
    right = rng.integers(0, items, queries)
    image, caption = rng.normal(0.2, 0.1, (2, queries, items))
    rows = np.arange(queries)
    image[rows, right] += 0.05
    caption[rows, right] += 0.3
    caption[:, ::3] = np.nan
    bm25 = np.where(np.isnan(caption), np.nan, 0.0)
    return LegScores(image, caption, bm25), right.astype(np.intp)


def found(legs: LegScores, right: NDArray[np.intp], calibration: Calibration) -> float:
    return float((calibrated(legs, calibration).argmax(axis=1) == right).mean())


def test_the_leg_that_tells_more_gets_more_weight() -> None:
    fitted = fit_order(*world(200), GENERIC)
    assert fitted.full.caption > 2 * fitted.full.image
    unseen = world(400, seed=1)
    assert found(*unseen, fitted) > found(*unseen, GENERIC) + 0.1


def test_few_questions_change_little_of_the_balance() -> None:
    few, many = (fit_order(*world(n), GENERIC).full for n in (3, 300))
    before = GENERIC.full.image / GENERIC.full.caption
    assert abs(few.image / few.caption - before) < abs(many.image / many.caption - before)


def test_no_leg_ever_speaks_against_an_item() -> None:
    legs, right = world(100)
    misleading = replace(legs, image=-legs.image, bm25=np.where(np.isnan(legs.bm25), np.nan, legs.image))
    fitted = fit_order(misleading, right, GENERIC)
    assert min(fitted.full.image, fitted.full.caption, fitted.full.bm25, fitted.image_only.image) >= 0


def test_relevance_is_how_often_it_is_right() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(2, 3, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(1.5 - 0.5 * scores))
    assert fit_relevance(scores, right) == pytest.approx((-1.5, 0.5), abs=0.1)


def test_a_new_scale_keeps_the_order() -> None:
    legs, right = world(20)
    order = fit_order(legs, right, GENERIC)
    scaled = rescaled(replace(order, lines=((1.0, 2.0), (0.2, 0.5))), -1.0, 0.3)
    assert scaled.lines == ((0.0, 1.0),)
    np.testing.assert_allclose(calibrated(legs, scaled), -1.0 + 0.3 * calibrated(legs, order), atol=1e-9)
    assert scaled.fitted


def test_what_is_kept_comes_back_and_can_be_forgotten(tmp_path: Path) -> None:
    bent = replace(GENERIC, lines=((1.0, 2.0), (0.2, 0.5)))
    save(tmp_path, bent, PRINT, PRINT, {})
    assert load(tmp_path, PRINT, PRINT) == (bent, "")
    assert forget(tmp_path)
    assert not forget(tmp_path)
    assert load(tmp_path, PRINT, PRINT) == (None, "")


def test_one_that_was_kept_before_there_were_lines_is_straight(tmp_path: Path) -> None:
    path = save(tmp_path, GENERIC, PRINT, PRINT, {})
    kept = json.loads(path.read_text())
    del kept["calibration"]["lines"]
    path.write_text(json.dumps(kept))
    assert load(tmp_path, PRINT, PRINT) == (GENERIC, "")


def test_one_of_another_encoder_is_left_aside_and_said(tmp_path: Path) -> None:
    save(tmp_path, GENERIC, PRINT, PRINT, {})
    for image, text in ((replace(PRINT, weights="new"), PRINT), (PRINT, replace(PRINT, weights="new"))):
        kept, told = load(tmp_path, image, text)
        assert kept is None
        assert "another encoder" in told
        assert "olhar calibrate" in told


def test_one_of_legs_that_meant_something_else_is_left_aside_and_said(tmp_path: Path) -> None:
    path = save(tmp_path, GENERIC, PRINT, PRINT, {})
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    kept, told = load(tmp_path, PRINT, PRINT)
    assert kept is None
    assert "another version of Olhar" in told
    assert "olhar calibrate" in told


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"format": FORMAT}), "null"])
def test_a_damaged_file_names_itself_and_the_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(InvalidInput, match=r"calibration\.json.*olhar calibrate"):
        load(tmp_path, PRINT, PRINT)
