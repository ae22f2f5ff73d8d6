"""A real process over stdio, spoken to by the SDK's own client."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import ImageContent

from api.cli.local import Local
from api.cli.remote import Remote
from api.mcp.backends import Backends
from api.mcp.serving import over_http
from api.owner import acquire, serving
from rag.errors import BadSettings
from rag.settings import Settings
from tests.api.test_integration import photo

ROOT = Path(__file__).parents[3]
MAIN = "from api.cli.app import main; main()"


def test_a_photo_is_ingested_found_and_shown_over_stdio(tmp_path: Path, models: Path) -> None:
    (tmp_path / "cat.png").write_bytes(photo("chelsea.png"))
    (tmp_path / "cat.txt").write_text("a tabby cat looking into the camera")
    command = StdioServerParameters(
        command=sys.executable,
        args=["-c", MAIN, "mcp"],
        cwd=ROOT,
        env={**os.environ, "OLHAR_DATA": str(tmp_path / "data"), "OLHAR_MODELS": str(models)},
    )

    async def talk() -> tuple[dict[str, Any], dict[str, Any], Any]:
        async with Client(command, read_timeout_seconds=100) as client:
            report = await client.call_tool("ingest", {"sources": [str(tmp_path / "cat.png")]})
            found = await client.call_tool("search", {"text": "a tabby cat"})
            assert report.structured_content
            assert found.structured_content
            first = found.structured_content["hits"][0]
            shown = await client.call_tool("show_image", {"item_id": first["item_id"], "side": 128})
            return report.structured_content, first, shown.content[0]

    report, first, shown = anyio.run(talk)
    assert report["counts"]["indexed"] == 1
    assert first["caption"] == "a tabby cat looking into the camera"
    assert isinstance(shown, ImageContent)
    with acquire(tmp_path / "data"):  # given back
        pass


def test_the_folder_is_kept_and_given_back(tmp_path: Path) -> None:
    with Backends(Settings(data=tmp_path)) as backends:
        with backends.open() as first, backends.open() as second:
            assert first is second
            assert isinstance(first, Local)
        assert serving(tmp_path) is None
    with acquire(tmp_path):
        pass


def test_a_server_that_owns_the_folder_does_the_work(tmp_path: Path) -> None:
    """Looked for at each call: with it gone, this process does the work itself."""

    with acquire(tmp_path) as owner, Backends(Settings(data=tmp_path)) as backends:
        owner.publish("http://127.0.0.1:1", tenant="default")
        with backends.open() as backend:
            assert isinstance(backend, Remote)
        owner.release()
        with backends.open() as backend:
            assert isinstance(backend, Local)


@pytest.mark.parametrize("more", [{"host": "0.0.0.0"}, {"auth": "required"}])
def test_where_keys_are_asked_for_there_is_none_over_http(tmp_path: Path, more: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="without --http"):
        over_http(Settings.model_validate({"data": tmp_path, **more}), 0)
