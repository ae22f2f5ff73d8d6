"""What the doctor prints can be pasted into a report: no password is in it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from api.cli.doctor import examine
from api.owner import acquire
from rag.settings import Settings
from rag.store import connection
from tests.ollama_server import OllamaServer, Script
from tests.rag.rerankers.judge import Judge


def test_no_password_of_a_url_is_printed(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    settings = Settings(
        data=tmp_path,
        models=models,
        llm="ollama:nobody",
        ollama_url=f"http://olhar:hunter2@{address}",
        milvus_uri=f"http://root:hunter2@{address}",
        blobs="memory://key:hunter2@bucket",
    )
    reports = {report.part: report for report in examine(settings)}
    assert "hunter2" not in str(reports)
    assert reports["store"].state == "failed"
    assert "root:***@" in reports["store"].chosen
    assert "olhar:***@" in reports["language model"].detail
    assert "key:***@" in reports["originals"].chosen


def test_a_reranker_is_loaded_and_tried(tmp_path: Path, models: Path) -> None:
    with OllamaServer(Judge(), models=("judge:latest",)) as server:
        settings = Settings(data=tmp_path, models=models, reranker="ollama:judge", ollama_url=server.url)
        (fit,) = (report for report in examine(settings) if report.part == "reranker")
        server.backend = Script("yes")
        (unfit,) = (report for report in examine(settings) if report.part == "reranker")
        server.models = ()
        (missing,) = (report for report in examine(settings) if report.part == "reranker")
    assert (fit.state, fit.device) == ("ok", "cpu")
    assert "known answers" in fit.detail
    assert unfit.state == missing.state == "failed"
    assert "does not tell known answers apart" in unfit.detail
    assert "`ollama pull judge`" in missing.detail


def test_it_tells_of_the_captioner_that_the_server_has(tmp_path: Path) -> None:
    with OllamaServer() as ollama, acquire(tmp_path) as owner:
        mine = Settings(data=tmp_path, ollama_url=ollama.url)
        told = []
        for captioner, capabilities in (
            ("none", ()),
            ("tags", ()),
            ("ollama:tiny", ("completion", "vision")),
            ("ollama:tiny", ("completion",)),
            ("ollama:another", ("vision",)),
        ):
            ollama.capabilities = capabilities
            owner.publish("http://127.0.0.1:9", captioner=captioner)
            told += [report for report in examine(mine) if report.part == "captioner"]
    assert [report.state for report in told] == ["skipped", "ok", "ok", "failed", "failed"]
    assert "tiny can see" in told[2].detail
    assert "'vision'" in told[3].detail
    assert "`ollama pull another`" in told[4].detail
