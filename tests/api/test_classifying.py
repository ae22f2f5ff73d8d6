"""Labels of pictures over HTTP, by the command, and in process."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from typer.testing import CliRunner

from api.classify_schemas import ClassifyIn
from api.cli.app import app as commands
from api.cli.local import Local
from api.cli.remote import Remote
from rag.build import Olhar
from rag.settings import Settings
from tests.api.conftest import CAT, FakeSystem, png, problem

PICTURE = "data:image/png;base64," + base64.b64encode(png()).decode()


def test_a_picture_gets_its_labels_in_every_form(
    client: httpx.Client, url: str, system: FakeSystem, tmp_path: Path
) -> None:
    wanted = {"labels": ["cat", {"name": "dog", "description": "it barks"}]}
    told = client.post("/v1/classify", json={"image": PICTURE, **wanted}).json()
    assert [one["name"] for one in told["labels"]] == ["cat", "dog"]
    assert sum(one["probability"] for one in told["labels"]) + told["none"] == pytest.approx(1)
    assert not told["calibrated"]
    assert "guess" in told["warnings"][0]
    form = client.post(
        "/v1/classify", data={"labels": json.dumps(wanted["labels"])}, files={"image": ("a.png", png())}
    )
    assert form.json() == told
    stored = client.post("/v1/classify", json={"image": f"olhar:{CAT.id}", **wanted})
    assert stored.json() == told
    file = tmp_path / "a.png"
    file.write_bytes(png())
    body = ClassifyIn.model_validate(wanted)
    with Remote(url, system.settings) as remote:
        assert remote.classify(body, file) == Local(cast(Olhar, system)).classify(body, file)


def test_what_cannot_be_classified(client: httpx.Client) -> None:
    assert "picture" in problem(client.post("/v1/classify", json={"labels": ["a"]}), 422)["detail"]
    problem(client.post("/v1/classify", json={"image": PICTURE, "labels": []}), 422)
    problem(client.post("/v1/classify", json={"image": PICTURE, "labels": ["a", "a"]}), 422)
    problem(client.post("/v1/classify", json={"image": PICTURE, "labels": ["a"], "templates": ["x"]}), 422)
    picture = {"image": ("a.png", png())}
    problem(client.post("/v1/classify", data={"labels": "[1"}, files=picture), 422)
    problem(client.post("/v1/classify", json={"image": f"olhar:{'0' * 32}", "labels": ["a"]}), 404)


def test_the_command_reads_labels_from_its_line_and_a_file(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def here(_: Settings) -> Iterator[Local]:
        yield Local(cast(Olhar, system))

    monkeypatch.setattr("api.cli.backend.open_backend", here)
    picture, labels = tmp_path / "a.png", tmp_path / "labels.txt"
    picture.write_bytes(png())
    labels.write_text('dog\tit barks\n\n{"name": "bird"}\n', "utf-8")
    run = CliRunner().invoke(
        commands, ["classify", str(picture), "--labels", "cat, boat", "--labels-file", str(labels), "--json"]
    )
    assert run.exit_code == 0, run.output
    assert {one["name"] for one in json.loads(run.stdout)["labels"]} == {"cat", "boat", "dog", "bird"}
    labels.write_text('{"name": 1}\n', "utf-8")
    run = CliRunner().invoke(commands, ["classify", str(picture), "--labels-file", str(labels)])
    assert "labels.txt:1" in str(run.exception)
    assert "no labels" in str(CliRunner().invoke(commands, ["classify", str(picture)]).exception)
