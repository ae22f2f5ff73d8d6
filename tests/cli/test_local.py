"""Commands in this process, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from api.cli.local import Local
from api.query_schemas import QueryIn, SearchIn
from rag.build import Olhar
from rag.errors import ModelUnavailable
from rag.rerankers import ScoringReranker
from rag.settings import Settings
from tests.api.conftest import FakeSystem
from tests.rag.rerankers.conftest import FakeScorer


def local(folder: Path, scorer: FakeScorer) -> Local:
    reranker = ScoringReranker(scorer, seconds=1, load_seconds=5)
    system = FakeSystem(Settings(data=folder), reranker=reranker)  # type: ignore[arg-type]  # a real one
    return Local(cast(Olhar, system))


@pytest.mark.parametrize("error", [None, ModelUnavailable("away")])
def test_a_command_loads_the_reranker_to_the_end_before_it_asks(
    tmp_path: Path, error: ModelUnavailable | None
) -> None:
    scorer, other = FakeScorer(error=error), FakeScorer(error=error)
    local(tmp_path, scorer).search(SearchIn(text="a dog", rerank=True), [])
    local(tmp_path, other).ask(QueryIn(text="Which dog?"), [])
    assert (scorer.loads, other.loads) == (1, 1)


def test_a_command_that_does_not_rerank_loads_none(tmp_path: Path) -> None:
    scorer = FakeScorer()
    local(tmp_path, scorer).search(SearchIn(text="a dog"), [])
    local(tmp_path, scorer).ask(QueryIn(text="Which dog?", rerank=False), [])
    assert scorer.loads == 0
