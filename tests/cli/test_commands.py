"""The commands, on the real system: their JSON, their exit codes, and their work through a running server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.demo import demo_photos
from api.owner import acquire, server_of
from rag.images import as_pillow
from rag.settings import Settings

LEGS = {"image", "caption", "bm25", "rerank", "ocr", "agreement", "named"}
HIT = {"rank", "item_id", "kind", "source", "caption", "text", "score", "relevance", "legs"}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> None:
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four photos, two with a caption, and a file that is none."""
    folder = tmp_path / "my photos"
    folder.mkdir()
    for photo in demo_photos():
        name = Path(photo.source).name
        if name in ("astronaut.png", "coins.png", "chelsea.png", "rocket.jpg"):
            (folder / name).write_bytes(photo.read())
            if photo.description.caption:
                (folder / name).with_suffix(".txt").write_text(photo.description.caption)
    (folder / "broken.jpg").write_bytes(b"no picture at all")
    return folder


def olhar(*arguments: str | Path, code: int = 0) -> str:
    """What a command prints on standard output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def as_json(*arguments: str | Path, code: int = 0) -> Any:
    return json.loads(olhar(*arguments, "--json", code=code))


def check_everything(photos: Path) -> None:
    """Ingest, search and ask, with the shapes that are promised; wherever the work is done."""
    told = as_json("ingest", photos, "--collection", "mine")
    assert set(told) == {"collection", "files", "counts"}
    assert told["collection"] == "mine"
    assert told["counts"] == {"indexed": 4, "duplicate": 0, "unchanged": 0, "quarantined": 1, "failed": 0}
    assert all(set(file) == {"source", "status", "item_id", "reason"} for file in told["files"])
    (broken,) = (file for file in told["files"] if file["status"] == "quarantined")
    assert broken["source"] == str(photos / "broken.jpg")
    assert broken["reason"]
    assert as_json("ingest", photos, "--collection", "mine")["counts"]["unchanged"] == 4

    found = as_json("search", "ancient coins", "--collection", "mine", "--limit", "2")
    assert set(found) == {"hits", "rerank", "warnings", "next"}
    assert found["rerank"] == {"state": "skipped", "reason": "not asked for"}
    assert len(found["hits"]) == 2
    best = found["hits"][0]
    assert set(best) >= HIT
    assert set(best["legs"]) == LEGS
    assert (best["rank"], best["kind"], best["source"]) == (1, "image", str(photos / "coins.png"))

    alike = as_json("search", "--image", photos / "chelsea.png", "--collection", "mine")["hits"][0]
    assert alike["source"] == str(photos / "chelsea.png")
    assert alike["legs"]["image"] == pytest.approx(1, abs=1e-3)
    assert alike["legs"]["caption"] is None

    answer = as_json("ask", "What colour is the astronaut's space suit?", "--collection", "mine")
    assert set(answer) == {
        "answer", "abstained", "citations", "evidence", "rerank", "trace", "model", "warnings",
        "timings_ms", "context", "id", "sentences",
    }  # fmt: skip
    assert "orange" in answer["answer"]
    assert answer["citations"][0]["source"] == str(photos / "astronaut.png")
    assert as_json("ask", "What is the giraffe eating?", "--collection", "mine")["abstained"]


def test_the_commands_in_one_process(photos: Path) -> None:
    check_everything(photos)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`olhar serve` as a process of its own, on the same data folder; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from api.cli.app import main; main()", "serve", "--port", "0"],
        cwd=tmp_path,
        env=os.environ,
        stdout=subprocess.DEVNULL,
    )
    data = tmp_path / "data"
    until = time.monotonic() + 90
    while (url := server_of(data)) is None:
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.1)
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


def test_the_commands_through_a_server_that_owns_the_folder(photos: Path, server: str) -> None:
    check_everything(photos)
    reports = {report["part"]: report for report in as_json("doctor")}
    assert server in reports["data folder"]["detail"]
    changed = as_pillow(np.full((30, 30, 3), 200, np.uint8))
    changed.save(photos / "rocket.jpg")
    assert as_json("ingest", photos / "rocket.jpg", "--collection", "mine")["counts"]["indexed"] == 1
    found = as_json("search", "--image", photos / "rocket.jpg", "--collection", "mine")["hits"]
    assert [hit["source"] for hit in found].count(str(photos / "rocket.jpg")) == 1


def test_a_folder_held_by_another_command_is_refused_by_name(photos: Path, tmp_path: Path) -> None:
    with acquire(tmp_path / "data"):
        result = CliRunner().invoke(app, ["ingest", str(photos)])
    assert result.exception is not None
    assert str(os.getpid()) in str(result.exception)


def test_when_nothing_can_be_used_the_exit_code_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    told = as_json("ingest", broken, code=3)
    assert told["counts"]["quarantined"] == 1


def test_an_error_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from api.cli.app import main; main()", "ingest", "no-such-folder"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("olhar: ")
    assert "no-such-folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_reports_every_part() -> None:
    reports = as_json("doctor")
    assert {report["part"] for report in reports} == {
        "encoder", "text encoder", "language model", "reranker", "captioner", "originals", "data folder",
        "store", "reconciliation",
    }  # fmt: skip
    assert all(report["state"] in {"ok", "skipped"} for report in reports)


def test_doctor_names_the_text_encoder_and_does_not_blame_the_encoder_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reports = {report["part"]: report for report in as_json("doctor")}
    assert reports["text encoder"]["chosen"] == "compact"
    assert "compact, dimension 896, reads 256 tokens" in reports["text encoder"]["detail"]
    monkeypatch.setenv("OLHAR_TEXT_ENCODER", "olhar/no-such-model")
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "another"))
    reports = {report["part"]: report for report in as_json("doctor", code=1)}
    assert reports["encoder"]["state"] == "ok"
    assert reports["text encoder"]["state"] == "failed"
    assert "OLHAR_TEXT_ENCODER=olhar/no-such-model" in reports["text encoder"]["detail"]


def test_doctor_says_what_to_do_about_a_part_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLHAR_LLM", "ollama:nobody")
    monkeypatch.setenv("OLHAR_OLLAMA_URL", "http://127.0.0.1:9")
    reports = {report["part"]: report for report in as_json("doctor", code=1)}
    assert reports["language model"]["state"] == "failed"
    assert "127.0.0.1:9" in reports["language model"]["detail"]
    assert reports["encoder"]["state"] == "ok"


def test_settings_show_value_and_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLHAR_LIMIT", "7")
    rows = {row["name"]: row for row in as_json("settings")}
    assert set(rows) == set(Settings.model_fields)
    assert (rows["limit"]["value"], rows["limit"]["origin"]) == ("7", "environment (OLHAR_LIMIT)")


def test_output_for_people_names_files_counts_and_scores(photos: Path) -> None:
    assert "4 indexed, 1 quarantined" in olhar("ingest", photos)
    assert "coins.png" in olhar("search", "ancient coins")
    assert " named " in olhar("search", "a photo of a zebra")
    told = olhar("ask", "What colour is the astronaut's space suit?")
    assert "[1]" in told
    assert "relevance" in told
    assert "OLHAR_LLM" not in told


def test_reconcile_says_what_does_not_agree_and_repairs_it(photos: Path, tmp_path: Path) -> None:
    as_json("ingest", photos)
    assert "agree" in olhar("reconcile")
    originals = [path for path in (tmp_path / "data" / "originals").rglob("*") if path.is_file()]
    next(path for path in originals if not path.suffix).unlink()
    assert "its original is missing" in olhar("reconcile", code=3)
    report = {part["part"]: part for part in as_json("doctor", code=1)}["reconciliation"]
    assert (report["state"], "olhar reconcile --repair" in report["detail"]) == ("failed", True)
    assert as_json("reconcile", "--repair")["left"] == 0
    assert as_json("reconcile") == {"left": 0, "counts": {}, "differences": [], "jobs": []}
