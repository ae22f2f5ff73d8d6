"""``olhar calibrate``: fitted, kept beside the data, used by searches, left aside for another encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.demo import demo_photos
from rag.retrieval.calibration_file import NAME


@pytest.fixture
def data(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    return tmp_path / "data"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """The demo's photos, each with its caption and two more that were made of it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    lines = []
    for photo in demo_photos():
        if photo.path is not None:
            caption = photo.description.caption or photo.path.stem.replace("_", " ")
            (folder / photo.path.name).write_bytes(photo.path.read_bytes())
            half = " ".join(caption.split()[:4])
            captions = [caption, half, f"a photo of {half}"]
            lines.append(json.dumps({"file": photo.path.name, "captions": captions}))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return folder


def told(*command: str) -> dict[str, object]:
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    value: dict[str, object] = json.loads(done.stdout)
    return value


def test_a_data_set_is_fitted_to_kept_and_forgotten(data: Path, dataset: Path) -> None:
    dry = told("calibrate", "--dataset", str(dataset), "--dry-run")
    assert dry["file"] is None
    assert not (data / NAME).exists()
    fitted = told("calibrate", "--dataset", str(dataset))
    assert fitted["file"] == str(data / NAME)
    assert fitted["calibration"] == dry["calibration"] == json.loads((data / NAME).read_text())["calibration"]
    assert told("calibrate", "--forget") == {"forgotten": True}
    assert not (data / NAME).exists()


def test_searches_use_it_and_say_when_it_is_of_another_encoder(data: Path, dataset: Path) -> None:
    assert CliRunner().invoke(app, ["ingest", str(dataset)]).exit_code == 0
    before = told("search", "a cat")
    told("calibrate")
    after = told("search", "a cat")
    assert [hit["score"] for hit in after["hits"]] != [hit["score"] for hit in before["hits"]]  # type: ignore[attr-defined]  # JSON
    kept = json.loads((data / NAME).read_text())
    (data / NAME).write_text(json.dumps({**kept, "image": {**kept["image"], "weights": "others"}}))
    other = told("search", "a cat")
    assert [hit["score"] for hit in other["hits"]] == [hit["score"] for hit in before["hits"]]  # type: ignore[attr-defined]  # JSON
    assert any("olhar calibrate" in str(warning) for warning in other["warnings"])  # type: ignore[attr-defined]  # JSON


@pytest.mark.usefixtures("data")
def test_a_collection_without_photos_is_refused_with_the_remedy() -> None:
    done = CliRunner().invoke(app, ["calibrate", "--collection", "nothing"])
    assert done.exit_code != 0
    assert "--dataset" in str(done.exception)


@pytest.mark.usefixtures("data")
def test_questions_of_people_are_fitted_to_and_bad_lines_are_told(dataset: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["ingest", str(dataset)]).exit_code == 0
    known = told("items", "list")["items"]
    assert isinstance(known, list)
    rows = [
        {"question": f"{word} {item['caption']}", **named}
        for item in known
        for word, named in (
            ("show me", {"item": item["item_id"]}),
            ("where is", {"source": item["sources"][0]}),
        )
    ]
    bad = ["{", '{"question": "who?"}', '{"question": "who?", "item": "none"}']
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join([*map(json.dumps, rows), *bad]))
    fitted = told("calibrate", "--pairs", str(file), "--dry-run")
    assert (fitted["questions"], fitted["photos"], fitted["captions"]) == (len(rows), len(known), True)
    shown = CliRunner().invoke(app, ["calibrate", "--pairs", str(file), "--dry-run"])
    assert [f"line {len(rows) + n}" in shown.output for n in (1, 2, 3)] == [True] * 3
    file.write_text(json.dumps(rows[0]))
    refused = CliRunner().invoke(app, ["calibrate", "--pairs", str(file)])
    assert "only 1 questions can be used; at least 20" in str(refused.exception or refused.output)
