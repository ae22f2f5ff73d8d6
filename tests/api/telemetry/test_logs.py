from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from api.telemetry.logs import configure
from api.telemetry.request_ids import REQUEST_ID


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    ours = {name: logging.getLogger(name).level for name in ("api", "rag", "ingest")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in ours.items():
        logging.getLogger(name).setLevel(before)


def test_json_lines_hold_the_fields_and_the_request() -> None:
    out = io.StringIO()
    configure("json", "info", out)
    token = REQUEST_ID.set("r-1")
    logging.getLogger("ingest.worker").info("batch ended", extra={"told": {"job_id": "j", "indexed": 3}})
    REQUEST_ID.reset(token)
    try:
        raise ValueError("broken\nin two lines")
    except ValueError:
        logging.getLogger("rag.store").exception("at http://me:hunter2@host/x")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["message"] == "batch ended"
    assert (first["level"], first["logger"]) == ("info", "ingest.worker")
    assert (first["request_id"], first["job_id"], first["indexed"]) == ("r-1", "j", 3)
    assert first["time"].endswith("+00:00")
    assert "request_id" not in second
    assert "ValueError: broken" in second["exception"]
    assert "hunter2" not in out.getvalue()


def test_lines_are_to_be_read() -> None:
    out = io.StringIO()
    configure("text", "info", out)
    logging.getLogger("api").info("request", extra={"told": {"status": 200}})
    assert out.getvalue().endswith(" INFO    request status=200\n")


def test_ours_from_the_level_on_and_libraries_from_warnings_on() -> None:
    out = io.StringIO()
    configure("text", "info", out)
    logging.getLogger("api").debug("no")
    logging.getLogger("sqlalchemy").info("no")
    logging.getLogger("sqlalchemy").warning("yes")
    configure("text", "error", out)
    logging.getLogger("api").warning("no")
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["yes"]
