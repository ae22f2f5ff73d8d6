"""``olhar ocr``: what was ingested without being read is read, and found by its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from rag.errors import InvalidInput
from tests.ingest.conftest import save
from tests.ingest.documents.conftest import saved, written


def test_a_scan_is_found_by_its_words_once_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.setenv("OLHAR_OCR", "off")
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "files" / "scan.pdf", saved(written("Lighthouse keepers", "were paid monthly"), "PDF"))
    runner = CliRunner()
    assert runner.invoke(app, ["ingest", "files", "--json"]).exit_code == 0
    off = runner.invoke(app, ["ocr"])
    assert isinstance(off.exception, InvalidInput)
    monkeypatch.setenv("OLHAR_OCR", "documents")
    done = runner.invoke(app, ["ocr", "--json"])
    assert json.loads(done.stdout) == {"pending": 0, "done": 1, "skipped": 0}
    found = json.loads(runner.invoke(app, ["search", "lighthouse keepers", "--json"]).stdout)
    assert found["hits"][0]["legs"]["bm25"] is not None
    (collection,) = json.loads(runner.invoke(app, ["collections", "list", "--json"]).stdout)["collections"]
    assert collection["ocr"] == {"done": 1}
