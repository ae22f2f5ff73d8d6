"""``olhar items edit``: what its options mean, and that the edit lasts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.editing import Part, changes
from rag.errors import InvalidInput
from tests.ingest.conftest import picture, save

NOTHING: dict[str, Any] = {
    "caption": None, "tags": None, "no_tags": False, "set_": None, "unset": None, "revert": None
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"caption": ""}, {"caption": ""}),
        ({"tags": ["a", "b"]}, {"tags": ["a", "b"]}),
        ({"no_tags": True}, {"tags": []}),
        ({"set_": ["year=2024", "place=Lisboa", "a=b=c", 'at={"x": 1}']},
         {"metadata": {"year": 2024, "place": "Lisboa", "a": "b=c", "at": {"x": 1}}}),
        ({"set_": ["x=1"], "unset": ["place"]}, {"metadata": {"x": 1, "place": None}}),
        ({"revert": [Part.CAPTION, Part.METADATA]}, {"caption": None, "metadata": None}),
    ],
)  # fmt: skip
def test_options_are_changes(given: dict[str, Any], meant: dict[str, Any]) -> None:
    assert changes(**{**NOTHING, **given}) == meant


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing to change"),
        ({"caption": "x", "revert": [Part.CAPTION]}, "two things are said of the caption"),
        ({"tags": ["x"], "no_tags": True}, "two things are said of the tags"),
        ({"set_": ["place"]}, "KEY=VALUE"),
    ],
)
def test_options_that_contradict_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        changes(**{**NOTHING, **given})


def test_an_edit_lasts_and_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "photos" / "a.png", picture(1))
    save(tmp_path / "photos" / "a.txt", "a dog")
    runner = CliRunner()
    (receipt,) = json.loads(runner.invoke(app, ["ingest", "photos", "--json"]).stdout)["files"]
    options = ["--caption", "a lighthouse keeper", "--set", "place=Peniche", "--json"]
    edited = json.loads(runner.invoke(app, ["items", "edit", receipt["item_id"], *options]).stdout)
    assert (edited["caption_origin"], edited["metadata"]) == ("person", {"place": "Peniche"})
    save(tmp_path / "photos" / "a.txt", "a cat")
    assert "what a person wrote was kept" in runner.invoke(app, ["ingest", "photos", "--json"]).stdout
    (hit,) = json.loads(runner.invoke(app, ["search", "lighthouse keeper", "--json"]).stdout)["hits"]
    assert hit["caption"] == "a lighthouse keeper"
    assert "person" in runner.invoke(app, ["items", "list"]).stdout
