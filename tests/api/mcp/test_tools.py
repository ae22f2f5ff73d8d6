"""The tools through the SDK's own client, in memory."""

from __future__ import annotations

import base64
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from mcp import Client
from mcp_types import CallToolResult, ImageContent, TextContent, Tool
from PIL import Image

from api.mcp.tools import create
from rag.errors import ModelUnavailable
from tests.api.conftest import CAT, png
from tests.api.mcp.conftest import FakeBackend, FakeBackends

T = TypeVar("T")


def asked(backends: FakeBackends, do: Callable[[Client], Awaitable[T]], *, local: bool = True) -> T:
    async def run() -> T:
        async with Client(create(backends, local=local)) as client:
            return await do(client)

    return anyio.run(run)


def call(backends: FakeBackends, tool: str, *, local: bool = True, **arguments: Any) -> CallToolResult:
    return asked(backends, lambda client: client.call_tool(tool, arguments), local=local)


def structured(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


def said(result: CallToolResult) -> str:
    """What a tool that failed says."""
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_each_tool_says_what_it_does_to_the_world(backends: FakeBackends) -> None:
    async def listed(client: Client) -> list[Tool]:
        return list((await client.list_tools()).tools)

    tools = {tool.name: tool for tool in asked(backends, listed)}
    assert sorted(tools) == ["ask", "collections", "ingest", "search", "show_image"]
    assert all(tool.description for tool in tools.values())
    hints = {name: tool.annotations for name, tool in tools.items()}
    assert all(hints[name].read_only_hint for name in ("ask", "collections", "search", "show_image"))  # type: ignore[union-attr]  # all have some
    adds = hints["ingest"]
    assert adds is not None
    assert (adds.read_only_hint, adds.destructive_hint) == (False, False)
    limit = tools["search"].input_schema["properties"]["limit"]
    assert (limit["type"], limit["minimum"], limit["maximum"]) == ("integer", 1, 50)
    assert tools["search"].output_schema is not None
    assert tools["ask"].input_schema["required"] == ["text"]


def test_search_gives_what_is_needed_to_go_on(backends: FakeBackends, backend: FakeBackend) -> None:
    found = structured(
        call(backends, "search", text="a cat -dog", where="tags:cat", like=["c" * 32], limit=3)
    )
    assert found["hits"][0] == {
        "item_id": CAT.id, "kind": "image", "modality": "image", "source": CAT.source,
        "caption": CAT.caption, "text": "",
        "page": 0, "collection": "default", "relevance": 0.88, "tags": ["cat"],
    }  # fmt: skip
    assert (found["next"], found["warnings"]) == ("more", ["careful"])
    (wanted,) = backend.asked
    assert (wanted.text, wanted.negative, wanted.where) == ("a cat", ["dog"], "tags:cat")
    assert (wanted.collection, wanted.limit, wanted.like) == ("photos", 3, ["c" * 32])


def test_an_answer_comes_with_its_evidence(backends: FakeBackends, backend: FakeBackend) -> None:
    answer = structured(call(backends, "ask", text="What is it?", collection="other"))
    assert (answer["answer"], answer["abstained"], answer["cited"]) == ("A cat [1].", False, [CAT.id])
    assert answer["evidence"][0]["marker"] == 1
    assert backend.asked[0].collection == "other"


def test_a_picture_comes_as_one_not_larger_than_asked_for(
    backends: FakeBackends, backend: FakeBackend
) -> None:
    backend.original = png(side=400)
    (content,) = call(backends, "show_image", item_id=CAT.id, side=100).content
    assert isinstance(content, ImageContent)
    assert content.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(content.data))).size == (100, 100)
    assert backend.asked == [(CAT.id, "photos")]


def test_ingesting_says_first_what_went_wrong(backends: FakeBackends, tmp_path: Path) -> None:
    for n in range(120):
        (tmp_path / f"{n:03}.png").write_bytes(png())
    report = structured(call(backends, "ingest", sources=[str(tmp_path)]))
    assert report["counts"] == {"indexed": 119, "quarantined": 1}
    assert report["files"][0]["reason"] == "no picture"
    assert (len(report["files"]), report["more"]) == (100, 20)


def test_over_http_no_files_of_this_machine_are_read(
    backends: FakeBackends, backend: FakeBackend, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    assert "no URL" in said(call(backends, "ingest", local=False, sources=[str(tmp_path)]))
    assert not backend.asked


def test_collections_are_listed(backends: FakeBackends) -> None:
    found = structured(call(backends, "collections"))
    assert found == {"collections": [{"name": "photos", "images": 3, "passages": 1}]}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("search", {"text": "x"}), ("ask", {"text": "x"}), ("show_image", {"item_id": "a" * 32})],
)
def test_what_goes_wrong_is_told_in_plain_words(
    backends: FakeBackends, backend: FakeBackend, tool: str, arguments: dict[str, Any]
) -> None:
    backend.error = ModelUnavailable("OLHAR_ENCODER: no such model; choose another")
    assert said(call(backends, tool, **arguments)).endswith(f": {backend.error}")


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("search", {"text": "x", "limit": 0}, "limit"),
        ("ask", {"text": ""}, "text"),
        ("show_image", {"item_id": "../etc"}, "item_id"),
        ("search", {"text": "x", "collection": "a b"}, "collection"),
        ("ingest", {"sources": []}, "sources"),
        ("ingest", {"sources": ["/nowhere/at/all.png"]}, "/nowhere/at/all.png"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    backends: FakeBackends, backend: FakeBackend, tool: str, arguments: dict[str, Any], named: str
) -> None:
    assert named in said(call(backends, tool, **arguments))
    assert not backend.asked


def test_a_picture_that_is_none_is_said(backends: FakeBackends, backend: FakeBackend) -> None:
    backend.original = b"%PDF-1.7"
    assert said(call(backends, "show_image", item_id=CAT.id))
