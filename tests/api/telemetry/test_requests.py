from __future__ import annotations

import logging
import re
from typing import Any

import httpx
import pytest

from tests.api.conftest import FakeSystem, problem

PATTERN = re.compile(r"[0-9a-f]{16}")


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of the lines of requests."""
    return [record.told for record in caplog.records if record.getMessage() == "request"]  # type: ignore[attr-defined]  # ours


def test_an_id_that_was_sent_comes_back_and_a_bad_one_does_not(client: httpx.Client) -> None:
    sent = "abc-123.X:y_z"
    assert client.get("/v1/models", headers={"x-request-id": sent}).headers["x-request-id"] == sent
    for bad in ("", "a b", "x" * 65, "<script>"):
        answer = client.get("/v1/models", headers={"x-request-id": bad})
        assert PATTERN.fullmatch(answer.headers["x-request-id"])
    made = [client.get("/v1/models").headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]


def test_errors_name_it_also_those_that_no_route_sees(client: httpx.Client, system: FakeSystem) -> None:
    headers = {"x-request-id": "mine"}
    refused = client.get("/v1/models", headers={**headers, "host": "evil.example"})
    assert refused.headers["x-request-id"] == "mine"
    assert problem(client.get("/nowhere", headers=headers), 404)["request_id"] == "mine"
    system.pipeline.error = RuntimeError("a bug")
    broken = client.post("/v1/search", json={"text": "x"}, headers=headers)
    assert problem(broken, 500)["request_id"] == "mine"
    assert broken.headers["x-request-id"] == "mine"


def test_a_line_a_request_with_its_template_and_nothing_of_what_was_asked(
    client: httpx.Client, system: FakeSystem, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "api"):
        client.post("/v1/search?secret=hunter2", json={"text": "geheim"})
        client.get("/v1/items/" + "a" * 32 + "/original")
        client.get("/nowhere/geheim")
        client.get("/health")
        system.pipeline.error = RuntimeError("a bug")
        client.post("/v1/search", json={"text": "geheim"})
    lines = told(caplog)
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("POST", "/v1/search", 200),
        ("GET", "/v1/items/{item_id}/original", 200),
        ("GET", "none", 404),
        ("POST", "/v1/search", 500),
    ]
    assert all(line["ms"] >= 0 for line in lines)
    assert "geheim" not in str(lines)
    assert "hunter2" not in str(lines)
