"""Odd requests to a real server: no bug, and no answer that the OpenAPI document does not name."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import fuzz, target


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # of Schemathesis's own
def test_every_answer_is_one_that_the_document_names(tmp_path: Path, models: Path) -> None:
    with target(tmp_path, models) as at:
        report = fuzz(at, cases=4)
    assert not report.wrong, "\n\n".join(f"{name}\n{said}" for name, said in report.wrong.items())
    assert report.cases > 150
    assert {200, 202, 404, 422} <= report.statuses.keys()
