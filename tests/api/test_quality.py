"""The quality of a collection over HTTP and by the command, on a real store of drawn vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from typer.testing import CliRunner

from api.cli.app import app as commands
from api.cli.local import Local
from api.cli.remote import Remote
from api.turns import one_at_a_time
from rag.build import Olhar
from rag.settings import Settings
from rag.store import MilvusStore
from rag.vision.quality.types import Options
from rag.vision.zero_shot import ZeroShot
from tests.api.conftest import FakeBlobs, FakeSystem, png, problem
from tests.rag.vision.conftest import THINGS, Drawn, drawn_store, rows

__all__ = ["drawn_store"]
ROUTE = "/v1/collections/drawn/quality"


@pytest.fixture(autouse=True)
def _drawn(system: FakeSystem, drawn_store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "store", drawn_store)
    monkeypatch.setattr(system, "encoder", Drawn())
    monkeypatch.setattr(system, "zero_shot", ZeroShot(Drawn(), THINGS), raising=False)
    hashes = [row.item.content_hash for row in rows()]
    monkeypatch.setattr(system, "blobs", FakeBlobs(thumbnails=dict.fromkeys(hashes, png())))


def test_it_is_the_same_over_http_and_in_process(client: httpx.Client, url: str, system: FakeSystem) -> None:
    answer = client.get(ROUTE, params={"sample": 50})
    told = answer.json()
    assert (told["pictures"], told["sampled"], told["map"]) == (91, 50, [])
    assert told["notes"] == ["a sample of 50 of 91 pictures was looked at"]
    options = Options(mapped=12)
    with Remote(url, system.settings) as remote:
        assert remote.quality(options, collection="drawn") == Local(cast(Olhar, system)).quality(
            options, collection="drawn"
        )


def test_too_few_pictures_too_many_and_two_at_a_time_are_refused(client: httpx.Client) -> None:
    assert "ingest more" in problem(client.get("/v1/collections/other/quality"), 422)["detail"]
    problem(client.get(ROUTE, params={"sample": 10_000}), 422)
    with one_at_a_time("measuring"):
        assert "ask again" in problem(client.get(ROUTE), 429)["detail"]


def test_the_command_prints_json_and_writes_a_page(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def local(_: Settings) -> Iterator[Local]:
        yield Local(cast(Olhar, system))

    monkeypatch.setattr("api.cli.backend.open_backend", local)
    page = tmp_path / "page.html"
    result = CliRunner().invoke(commands, ["quality", "drawn", "--json", "--report", str(page)])
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["map"]) == 91
    assert page.read_text("utf-8").count("data:image/webp") > 91
    plain = CliRunner().invoke(commands, ["quality", "drawn"]).stdout
    assert "alone.jpg" in plain
    assert "   40 tree" in plain
