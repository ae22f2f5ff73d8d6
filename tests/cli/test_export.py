"""`olhar export`: what it prints, its exit codes, and what it asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from rag.errors import InvalidInput
from tests.rag.encoders.tiny_models import tiny_clip


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> Path:
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.setenv("OLHAR_ENCODER", str(tiny_clip(tmp_path / "clip")))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "clip"


def test_an_export_is_written_reported_and_not_exported_again(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = CliRunner().invoke(app, ["export", "--out", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["encoder"], told["precision"], told["folder"]) == (
        str(clip), "fp32", str(tmp_path / "out"),
    )  # fmt: skip
    assert told["cosine"]["image"] > 0.9999
    assert told["recall"] == {}
    monkeypatch.setenv("OLHAR_ENCODER", str(tmp_path / "out"))
    again = CliRunner().invoke(app, ["export", "--out", str(tmp_path / "more")])
    assert isinstance(again.exception, InvalidInput)
    assert "an export already" in str(again.exception)


@pytest.mark.usefixtures("clip")
def test_one_that_is_refused_says_why_with_exit_code_3(tmp_path: Path, photos: Path) -> None:
    arguments = ["--out", str(tmp_path / "out"), "--int8", "--data", str(photos), "--min-cosine", "1"]
    done = CliRunner().invoke(app, ["export", *arguments])
    assert done.exit_code == 3
    assert "refused, nothing was written" in done.output
    assert "mean cosine of image vectors" in done.output
    assert not (tmp_path / "out").exists()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of the demo with a caption each."""
    from api.cli.demo import demo_photos

    folder = tmp_path / "photos"
    folder.mkdir()
    lines = []
    for photo in demo_photos()[:4]:
        name = Path(photo.source).name
        (folder / name).write_bytes(photo.read())
        lines.append(json.dumps({"file": name, "captions": [f"this is {name}"]}))
    (folder / "captions.jsonl").write_text("\n".join(lines))
    return folder


@pytest.mark.usefixtures("clip")
@pytest.mark.parametrize(
    ("encoder", "arguments", "says"),
    [
        ("clip", ["--int8"], "--data has to name"),
        ("compact", [], "compact runs through ONNX Runtime as it is"),
        ("compact", ["--int8", "--data", "photos"], "calibrated with pictures"),
    ],
)
def test_what_is_missing_is_asked_for(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoder: str,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.setenv("OLHAR_ENCODER", encoder)
    assert photos.name == "photos"
    done = CliRunner().invoke(app, ["export", "--out", str(tmp_path / "out"), *arguments])
    assert isinstance(done.exception, InvalidInput)
    assert says in str(done.exception)
