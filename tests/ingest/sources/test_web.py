"""URLs of the web are files, or archives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingest.descriptions import Description
from ingest.sources import Reading, open_sources
from rag.errors import BadSource
from rag.fetch import Allowed, Fetcher
from tests.ingest.conftest import save
from tests.ingest.sources.conftest import Files, packed


@contextmanager
def serving(files: Files) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("content-length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def near(reading: Reading) -> Reading:
    """This machine may be reached."""
    return replace(reading, local=False, fetcher=Fetcher(60, 60, Allowed.of("127.0.0.1")))


def test_a_url_is_a_file(near: Reading) -> None:
    with serving({"/a.jpg?n=1": b"picture"}) as url:
        file, gone = open_sources([f"{url}/a.jpg?n=1#x", f"{url}/a.jpg?n=1", f"{url}/gone.jpg"], near)
        assert (file.source, file.replaces, file.read()) == (f"{url}/a.jpg?n=1", True, b"picture")
        with file.open() as stream:
            assert stream.read() == b"picture"
        with pytest.raises(BadSource, match="404"):
            gone.read()


def test_an_archive_of_the_web_is_opened(near: Reading) -> None:
    for kind in ("zip", "tar.gz"):
        with serving({f"/p.{kind}": packed(kind, {"a.jpg": b"A", "a.txt": b"a dog"})}) as url:
            (file,) = open_sources([f"{url}/p.{kind}"], near)
            assert (file.source, file.read()) == (f"{url}/p.{kind}!/a.jpg", b"A")
            assert file.description == Description("a dog")
            (refused,) = open_sources([f"{url}/p.{kind}"], replace(near, archive_bytes=10))
            assert refused.refused is not None
            assert "OLHAR_ARCHIVE_BYTES" in refused.refused.reason


def test_a_manifest_names_urls_of_the_web(near: Reading, photos: Path) -> None:
    with serving({"/a.jpg": b"A"}) as url:
        path = save(photos / "m.csv", f"url,caption\n{url}/a.jpg,a dog\nhttp://user:secret@host/b.jpg,x\n")
        file, refused = sorted(
            open_sources([path], replace(near, local=True)), key=lambda file: file.refused is not None
        )
        assert (file.read(), file.description) == (b"A", Description("a dog"))
    assert refused.refused is not None
    assert "password" in refused.refused.reason
    assert "secret" not in refused.refused.reason


def test_this_machine_is_not_reached_unless_allowed(reading: Reading) -> None:
    (file,) = open_sources(["http://127.0.0.1:9/a.jpg"], reading)
    with pytest.raises(BadSource, match="OLHAR_FETCH_ALLOW"):
        file.read()
