"""Representatives, coverage and exported selections, over HTTP and by the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from typer.testing import CliRunner, Result

from api.cli.app import app as commands
from api.cli.local import Local
from api.cli.remote import Remote
from rag.build import Olhar
from rag.settings import Settings
from rag.store import MilvusStore
from tests.api.conftest import FakeBlobs, FakeSystem, png, problem
from tests.rag.vision.conftest import drawn_store, rows
from tests.rag.vision.curation.test_coverage import Calm

__all__ = ["drawn_store"]
ROUTE = "/v1/collections/drawn"


@pytest.fixture(autouse=True)
def _drawn(system: FakeSystem, drawn_store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def local(_: Settings) -> Iterator[Local]:
        yield Local(cast(Olhar, system))

    monkeypatch.setattr(system, "store", drawn_store)
    monkeypatch.setattr(system, "encoder", Calm())
    monkeypatch.setattr(system, "label_calibration", None, raising=False)
    monkeypatch.setattr(system, "blobs", FakeBlobs({row.item.content_hash: png() for row in rows()}))
    monkeypatch.setattr("api.cli.backend.open_backend", local)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["curate", *arguments])


def test_they_are_the_same_over_http_and_in_process(
    client: httpx.Client, url: str, system: FakeSystem
) -> None:
    told = client.get(f"{ROUTE}/representatives", params={"count": 3}).json()
    assert [pick["source"][0] for pick in told["picks"]] == ["2", "1", "0"]
    problem(client.get(f"{ROUTE}/representatives", params={"count": 0}), 422)
    told = client.post(f"{ROUTE}/coverage", json={"labels": ["cat", "boat", "tree"], "least": 25}).json()
    assert told["missing"] == ["cat"]
    problem(client.post(f"{ROUTE}/coverage", json={"labels": []}), 422)
    local = Local(cast(Olhar, system))
    with Remote(url, system.settings) as remote:
        for backend in (remote, local):
            assert len(backend.representatives(3, 50, 0, collection="drawn").picks) == 3
        labels = ["cat", "tree"]
        found = [one.coverage(labels, 1, 50, 0, collection="drawn") for one in (remote, local)]
        assert found[0] == found[1]


def test_the_commands_show_choose_and_write(tmp_path: Path) -> None:
    chosen = run("representatives", "drawn", "--count", "3", "--json")
    ids = [pick["item_id"] for pick in json.loads(chosen.stdout)["picks"]]
    assert "91 of 91 pictures looked at" in run("representatives", "drawn").stdout
    missing = run("coverage", "cat,boat,tree", "drawn", "--least", "25")
    assert missing.exit_code == 3
    assert "missing: cat" in missing.stdout
    assert run("coverage", "cat,boat,tree", "drawn").exit_code == 0
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    by_ids = run("export", str(tmp_path / "one"), "drawn", "--ids", str(tmp_path / "ids.txt"))
    assert by_ids.exit_code == 0, by_ids.output
    assert run("export", str(tmp_path / "two"), "drawn", "--count", "3").exit_code == 0
    manifests = [(tmp_path / name / "manifest.jsonl").read_text() for name in ("one", "two")]
    assert manifests[0] == manifests[1]
    assert manifests[0].count("\n") == 3
    assert "a tree" in manifests[0]
    assert "--ids FILE" in str(run("export", str(tmp_path / "three"), "drawn").exception)
