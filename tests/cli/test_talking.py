"""``olhar threads`` and ``olhar feedback``: the same in process and through a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.cli import backend
from api.cli.app import app
from api.cli.local import Local
from api.cli.remote import Remote
from api.query_schemas import AskIn
from rag.build import Olhar
from tests.api.conftest import ANSWER, FakeSystem, small_settings
from tests.loopback import running


@pytest.fixture(params=["in process", "through a server"])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Local | Remote]:
    """The backend that the commands work with."""
    system = FakeSystem(small_settings(tmp_path))
    olhar = cast(Olhar, system)  # nothing here wants more of a system than the fakes have
    with ExitStack() as stack:
        chosen: Local | Remote = Local(olhar)
        if request.param == "through a server":
            url = stack.enter_context(running(create_app(olhar)))
            chosen = stack.enter_context(Remote(url, system.settings))

        @contextmanager
        def open_it(_: object) -> Iterator[Local | Remote]:
            yield chosen

        monkeypatch.setattr(backend, "open_backend", open_it)
        yield chosen


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_conversation_from_its_beginning_to_its_end(opened: Local | Remote, tmp_path: Path) -> None:
    thread = run("threads", "new").strip()
    opened.ask(AskIn(text="Which cat?", thread=thread), [])
    assert "Which cat?" in run("threads", "list")
    assert ANSWER.text in run("threads", "show", thread)
    run("threads", "rename", thread, "Cats")
    run("threads", "export", thread, str(tmp_path / "thread.json"))
    kept = json.loads((tmp_path / "thread.json").read_text("utf-8"))
    assert (kept["title"], [turn["role"] for turn in kept["said"]]) == ("Cats", ["user", "assistant"])
    run("feedback", "give", kept["said"][1]["answer"], "down", "--comment", "it is a dog")
    assert "it is a dog" in run("feedback", "list", "--rating", "down")
    assert "1 ratings" in run("feedback", "export", str(tmp_path / "feedback.jsonl"))
    (line,) = (tmp_path / "feedback.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["question"] == "Which cat?"
    run("threads", "delete", thread, "--yes")
    assert json.loads(run("threads", "list", "--json"))["threads"] == []
