"""`olhar reindex`: refused under a server, done from one encoder to another, and nothing to do twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.demo import demo_photos
from api.owner import acquire
from rag.encoders.compact import CompactEncoder
from rag.errors import Conflict, DataFolderBusy, FingerprintMismatch
from rag.images import as_pillow
from rag.types import Matrix, Pixels
from tests.rag.encoders.tiny_models import tiny_clip
from tests.reads_all import ReadsAll


class Wider(ReadsAll):
    """An encoder with more dimensions, and so with another fingerprint."""

    def __init__(self, inner: CompactEncoder) -> None:
        self._inner = inner
        self.logit_scale, self.languages, self.device = inner.logit_scale, inner.languages, inner.device
        was = inner.fingerprint
        self.fingerprint = replace(was, weights="others", dimension=was.dimension + 16)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        return np.pad(self._inner.encode_images(images), ((0, 0), (0, 16)))

    encode_image_queries = encode_images

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        return np.pad(self._inner.encode_text_queries(texts), ((0, 0), (0, 16)))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> Path:
    """Three pictures, ingested with `compact`."""
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(3):
        as_pillow(np.full((30, 30, 3), 40 * n, np.uint8)).save(folder / f"{n}.png")
    (folder / "1.txt").write_text("a grey wall")
    assert CliRunner().invoke(app, ["ingest", str(folder)]).exit_code == 0
    return folder


@pytest.fixture
def other_encoder(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After that, `compact` as another version of Olhar may have it: other weights, wider vectors."""
    assert photos.is_dir()
    monkeypatch.setattr(
        "rag.build.CompactEncoder", lambda *given, **named: Wider(CompactEncoder(*given, **named))
    )


def reindex(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["reindex", "--json", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


@pytest.mark.usefixtures("other_encoder")
def test_from_one_encoder_to_another(photos: Path) -> None:
    refused = CliRunner().invoke(app, ["search", "wall"])
    assert isinstance(refused.exception, FingerprintMismatch)
    assert "`olhar reindex`" in str(refused.exception)
    told = reindex()
    assert "1 items have a caption" in told.pop("not_compared")
    assert told == {"state": "moved", "images": 3, "passages": 0, "kept": 0, "problems": [], "recall": []}
    assert reindex()["state"] == "current"
    done = CliRunner().invoke(app, ["ingest", str(photos)])
    assert "3 unchanged" in done.stdout


def test_with_the_encoder_in_use_there_is_nothing_to_do_but_what_the_policy_says(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "all.yaml"
    policy.write_text(
        "extends: default\nunsafe: [{name: all, threshold: 0.001, action: quarantine}]\n", "utf-8"
    )
    assert "nothing to do" in CliRunner().invoke(app, ["reindex"]).stdout
    monkeypatch.setenv("OLHAR_MODERATION", str(policy))
    told = reindex()
    assert (told["state"], told["moderated"]) == ("current", {"files": 3, "flagged": 0, "held": 3})
    assert "0 flagged, 0 taken out of search" in CliRunner().invoke(app, ["reindex"]).stdout
    listed = json.loads(CliRunner().invoke(app, ["moderation", "list", "--json"]).stdout)["reviews"]
    assert [one["held"] for one in listed] == [True] * 3
    assert photos.is_dir()
    back = CliRunner().invoke(app, ["moderation", "decide", listed[0]["id"], "allow"])
    assert "comes back by the job" in back.stdout
    (kept,) = json.loads(CliRunner().invoke(app, ["collections", "list", "--json"]).stdout)["collections"]
    assert kept["images"] == 1


@pytest.mark.usefixtures("other_encoder")
def test_a_missing_original_is_named_with_exit_code_3_unless_forced(photos: Path, tmp_path: Path) -> None:
    assert photos.is_dir()
    one = next(path for path in (tmp_path / "data" / "originals").rglob("*") if path.is_file())
    one.unlink()
    told = reindex(code=3)
    assert told["state"] == "refused"
    assert [set(problem) for problem in told["problems"]] == [{"item_id", "source", "reason"}]
    assert one.name in told["problems"][0]["reason"]
    shown = CliRunner().invoke(app, ["reindex"])
    assert shown.exit_code == 3
    assert "1 of 3 images" in shown.stdout
    assert "--force" in shown.stdout
    assert reindex("--force")["state"] == "moved"


def test_under_a_server_it_is_refused_with_the_reason(photos: Path, tmp_path: Path) -> None:
    assert photos.is_dir()
    with acquire(tmp_path / "data") as owner:
        owner.publish("http://127.0.0.1:1234")
        with pytest.raises(DataFolderBusy, match=r"http://127\.0\.0\.1:1234.*stop that server"):
            reindex()


@pytest.fixture
def captioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> Path:
    """The demo's photos with captions, ingested with `compact`; a tiny CLIP with random weights is set."""
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ingest.recall.LEAST", 12)
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in demo_photos():
        if photo.path is not None and photo.description.caption:
            (folder / photo.path.name).write_bytes(photo.path.read_bytes())
            (folder / photo.path.name).with_suffix(".txt").write_text(photo.description.caption)
    monkeypatch.setenv("OLHAR_TEXT_ENCODER", "minilm")
    assert CliRunner().invoke(app, ["ingest", str(folder)]).exit_code == 0
    clip = tiny_clip(tmp_path / "clip")
    monkeypatch.setenv("OLHAR_ENCODER", str(clip))
    return clip


def test_a_worse_encoder_is_refused_with_both_figures_until_the_budget_allows_it(
    captioned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = reindex(code=3)
    assert (told["state"], told["problems"], told["not_compared"]) == ("refused", [], "")
    (change,) = told["recall"]
    assert change["leg"] == "image"
    assert change["before"] - change["after"] > 0.05
    shown = CliRunner().invoke(app, ["reindex"])
    assert shown.exit_code == 3
    assert f"{change['before']:.3f} → {change['after']:.3f}" in shown.stdout
    assert "old collections stay in use" in shown.stdout
    moved = reindex("--budget", "0.99")
    assert (moved["state"], moved["recall"], moved["kept"]) == ("moved", [change], change["items"])
    # Back again: a folder is not told by its fingerprint.
    monkeypatch.setenv("OLHAR_ENCODER", "compact")
    refused = CliRunner().invoke(app, ["reindex"])
    assert isinstance(refused.exception, Conflict)
    assert "clip was a folder" in str(refused.exception)
    back = reindex("--old-encoder", str(captioned))
    assert (back["state"], back["recall"][0]["before"]) == ("moved", change["after"])
