"""Audits over HTTP and by the command, on a collection that is known to be unfair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from typer.testing import CliRunner, Result

from api.cli import asking
from api.cli.app import app as commands
from api.cli.local import Local
from api.cli.remote import Remote
from ingest import fairness
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.settings import Settings
from rag.store import MilvusStore
from rag.types import Fair, Scope
from rag.vision.fairness.history import Run
from rag.vision.fairness.types import Options
from tests.api.conftest import FakeSystem, png, problem
from tests.rag.vision.biased import Biased, biased_store

__all__ = ["biased_store"]
ROUTE = "/v1/collections/drawn/fairness"
ASKED = {"by": "group", "words": ["leader", "helper"], "attributes": {"good": ["love"], "bad": ["hatred"]}}


@pytest.fixture(autouse=True)
def _biased(system: FakeSystem, biased_store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "store", biased_store)
    monkeypatch.setattr(system, "encoder", Biased())
    monkeypatch.setattr(
        type(system.records), "chores", property(lambda self: self.kept.chores), raising=False
    )


@pytest.fixture
def run(system: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    @contextmanager
    def local(_: Settings) -> Iterator[Local]:
        yield Local(cast(Olhar, system))

    monkeypatch.setattr("api.cli.backend.open_backend", local)

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(commands, ["fairness", "drawn", *arguments])

    return SimpleNamespace(command=command)


def test_it_is_the_same_over_http_and_in_process(client: httpx.Client, url: str, system: FakeSystem) -> None:
    told = client.post(ROUTE, json={**ASKED, "mitigated": True}).json()
    assert told["groups"] == {"a": 60, "b": 40}
    assert told["measures"]["error"]["gap"]["value"] == 0.35
    assert told["reranked"]["max_skew"]["value"] == 0
    options = Options(**ASKED)  # type: ignore[arg-type]  # fields of it
    with Remote(url, system.settings) as remote:
        assert remote.fairness(options, collection="drawn") == Local(cast(Olhar, system)).fairness(
            options, collection="drawn"
        )
        assert remote.audits(collection="drawn") == []


def test_a_group_that_is_none_and_unknown_fields_are_refused(client: httpx.Client) -> None:
    assert "fewer than two groups" in problem(client.post(ROUTE, json={"by": "nothing"}), 422)["detail"]
    problem(client.post(ROUTE, json={"gender": "guess"}), 422)
    problem(client.post(ROUTE, json={"by": "group", "targets": {"a": 0}}), 422)


def test_what_was_kept_is_listed(client: httpx.Client, system: FakeSystem) -> None:
    one = Run(5, "group", {"a": 1}, 0.1, 0.2, None, 0.3)
    name = fairness.chore(Scope("default", "drawn"))
    system.records.kept.chores.ended(name, {"runs": [one.said()]})
    assert client.get(ROUTE).json() == [one.said()]
    assert client.get("/v1/collections/other/fairness").json() == []


def test_a_gap_over_the_bound_is_exit_code_3(run: SimpleNamespace, tmp_path: Path) -> None:
    plain = ("--by", "group", "--words", "leader,helper")
    asked = (*plain, "--attribute", "good=love", "--attribute", "bad=hatred")
    page, card = tmp_path / "page.html", tmp_path / "CARD.md"
    kept = run.command(*asked, "--max-gap", "0.9", "--report", str(page), "--card", str(card))
    assert kept.exit_code == 0, kept.output
    assert "gap in zero-shot error" in kept.stdout
    assert "leader" in page.read_text("utf-8")
    assert "| gap in zero-shot error | 0.350 |" in card.read_text("utf-8")
    failed = run.command(*asked, "--max-gap", "0.1", "--json")
    assert failed.exit_code == 3
    assert json.loads(failed.stdout)["groups"] == {"a": 60, "b": 40}
    assert "error gap is 0.350, more than 0.1" in failed.stderr
    assert "no scheduled audit yet" in run.command("--history").stdout


def test_a_search_takes_shares_and_no_reranker_beside_them(client: httpx.Client, system: FakeSystem) -> None:
    asked = {"text": "a leader", "fair": {"field": "team", "shares": {"north": 0.5, "south": 0.25}}}
    assert client.post("/v1/search", json=asked).status_code == 200
    expected = Fair("team", (("north", 0.5), ("south", 0.25)))
    assert system.pipeline.calls[-1].listing.fair == expected
    form = {"text": "a leader", "fair": json.dumps(asked["fair"])}
    sent = client.post("/v1/search", data=form, files={"image": ("a.png", png())})
    assert sent.status_code == 200, sent.text
    assert system.pipeline.calls[-1].listing.fair == expected
    refused = problem(client.post("/v1/search", json={**asked, "rerank": True}), 422)
    assert "leave one of them out" in refused["detail"]
    problem(client.post("/v1/search", json={"text": "a", "fair": {"field": "x", "shares": {}}}), 422)
    problem(client.post("/v1/search", json={"text": "a", "fair": {"field": "x", "shares": {"y": 2}}}), 422)


def test_shares_on_the_command_line() -> None:
    assert asking.shares("team:north=.5, south=0.25") == {
        "field": "team",
        "shares": {"north": 0.5, "south": 0.25},
    }
    assert asking.shares("") is None
    with pytest.raises(InvalidInput, match=r"value=\.5"):
        asking.shares("team")
