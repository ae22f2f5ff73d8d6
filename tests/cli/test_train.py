"""``olhar train`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from rag.build import build
from rag.encoders.compact.classes import class_names
from rag.encoders.compact.compile import packaged
from rag.encoders.compact.heads import FILE
from rag.errors import InvalidInput
from rag.settings import load_settings
from rag.training import compact
from tests.rag.encoders.tiny_models import tiny_clip


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    names = [names[0] for names in class_names()]
    monkeypatch.setattr(compact, "class_wordings", lambda: (names, list(range(len(names)))))


def test_a_csv_of_ones_own_photos_tunes_the_packaged_heads(tmp_path: Path) -> None:
    rows = ["path,caption"]
    for name, caption in (("chelsea.png", "my cat Chelsea"), ("coffee.png", "the morning cup")):
        (tmp_path / name).write_bytes(packaged("skimage", f"data/{name}").read_bytes())
        rows.append(f"{name},{caption}")
    (tmp_path / "mine.csv").write_text("\n".join([*rows, "gone.png,nothing"]))
    options = ["--data", "mine.csv", "--out", "tuned", "--start", "packaged", "--epochs", "1", "--json"]
    result = CliRunner().invoke(app, ["train", "compact", *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (tmp_path / told["folder"] / FILE).is_file()
    assert told["bad_rows"] == ["mine.csv:4: gone.png is not there"]
    assert set(told["figures"]["validation"]) == {"recall@1", "recall@5", "recall@10"}
    with build(load_settings(encoder=told["folder"])) as tuned, build(load_settings()) as shipped:
        assert tuned.encoder.fingerprint != shipped.encoder.fingerprint
        assert tuned.encoder.fingerprint.name == "compact"


@pytest.mark.parametrize("how", ["--rank 2", "--full", "--freeze image"])
def test_a_clip_is_tuned_and_used_by_its_folder(tmp_path: Path, how: str) -> None:
    tiny_clip(tmp_path / "clip-ViT-B-32", dimension=512)
    rows = ["path,caption"]
    for name, caption in (("chelsea.png", "my cat Chelsea"), ("coffee.png", "the morning cup")):
        (tmp_path / name).write_bytes(packaged("skimage", f"data/{name}").read_bytes())
        rows += [f"{name},{caption}", f"{name},again {caption}"]
    (tmp_path / "mine.csv").write_text("\n".join([*rows, "gone.png,nothing"]))
    options = f"--data mine.csv --out tuned --epochs 1 --chunk 2 --reference mine.csv --budget 1 {how} --json"
    result = CliRunner().invoke(app, ["train", "clip-ViT-B-32", *options.split()], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["bad_rows"] == ["mine.csv:6: gone.png is not there"]
    assert set(told["figures"]) == {
        "validation, before", "validation", "reference, before", "reference",
    }  # fmt: skip
    with build(load_settings(encoder=told["folder"])) as tuned:
        assert tuned.encoder.encode_text_queries(["a cat"]).shape == (1, 512)
        assert tuned.encoder.languages == ("en",)
        assert tuned.model_name == "clip-ViT-B-32"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("train compact --data nowhere --out o", "nowhere"),
        ("train compact --data d.csv --out o --start nothing", "--start nothing"),
        ("train compact --data d.csv --out o --full", "--full is not for compact"),
        ("train compact --data d.csv --out o --freeze text", "--freeze is not for compact"),
        ("train clip --data d.csv --out o --start packaged", "--start is not for clip"),
        ("train clip --data d.csv --out o --full --rank 3", "--rank is that of adapters"),
        ("train heads --data d.csv --out o", "olhar train compact --start heads"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / FILE).touch()
    with pytest.raises(InvalidInput, match=said):
        CliRunner().invoke(app, arguments.split(), catch_exceptions=False)
