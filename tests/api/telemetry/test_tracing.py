from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.telemetry.tracing import started, tracing
from ingest.run import ingest
from ingest.sources import walk
from rag.errors import ModelUnavailable
from rag.observing import begun, step
from tests.api.conftest import FakeSystem
from tests.ingest.conftest import SCOPE, FakeParts, picture, save

ROOT = Path(__file__).parents[3]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Where spans go, with traces on."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing(provider):
        yield exporter


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def test_a_request_is_a_span_and_its_steps_are_parts_of_it(
    client: httpx.Client, system: FakeSystem, spans: InMemorySpanExporter
) -> None:
    def search() -> None:
        with step("search", leg="caption", kind="image"):
            pass

    system.pipeline.wait = search
    client.post("/v1/search?x=geheim", json={"text": "geheim"})
    found = named(spans)
    request, leg = found["POST /v1/search"], found["search"]
    assert request.context
    assert leg.parent
    assert leg.parent.span_id == request.context.span_id
    assert dict(leg.attributes or {}) == {"olhar.leg": "caption", "olhar.kind": "image"}
    assert (request.attributes or {})["http.response.status_code"] == 200
    assert "geheim" not in "".join(span.to_json() for span in spans.get_finished_spans())


def test_it_goes_on_with_the_client_s_trace(client: httpx.Client, spans: InMemorySpanExporter) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.get("/health/live", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    span = named(spans)["GET /health/live"]
    assert span.context
    assert f"{span.context.trace_id:032x}" == trace


def test_what_failed_says_how_without_its_message(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ModelUnavailable), step("encode"):
        raise ModelUnavailable("geheim")
    begun("generate", model="m")(ModelUnavailable("geheim"))
    for span in spans.get_finished_spans():
        assert not span.status.is_ok
        assert (span.attributes or {})["error.type"] == "ModelUnavailable"
        assert "geheim" not in span.to_json()


def test_each_stage_of_a_batch_is_a_span(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    parts = FakeParts(tmp_path)
    save(tmp_path / "photos" / "a.png", picture(1))
    ingest(parts, SCOPE, walk([tmp_path / "photos"]))
    parts.records.close()
    stages = [name for name in named(spans) if name.startswith("ingest ")]
    assert stages == ["ingest fetch", "ingest describe", "ingest encode", "ingest write", "ingest verify"]
    assert (named(spans)["ingest fetch"].attributes or {})["olhar.files"] == 1


def test_nothing_is_imported_unless_it_is_wanted() -> None:
    code = (
        "import json, sys, api.app; print(json.dumps([m for m in sys.modules if 'opentelemetry.sdk' in m]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"},
        {"OTEL_TRACES_EXPORTER": "carrier pigeon"},
    ],
)
def test_without_being_asked_for_there_are_none(environ: dict[str, str]) -> None:
    with started(environ), step("encode") as nothing:
        assert nothing is None
        begun("generate")(None)


def test_they_are_sent_to_a_collector_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)  # which the exporter reads itself
        with pytest.raises(SystemExit), started({"OTEL_EXPORTER_OTLP_ENDPOINT": url}), step("encode"):
            raise SystemExit(143)
        server.shutdown()
    ((path, body),) = came
    assert path == "/v1/traces"
    spans = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    assert b"encode" in spans
    assert b"olhar" in spans


def test_a_console_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    with started({"OTEL_TRACES_EXPORTER": "console"}), step("encode"):
        pass
    assert '"name": "encode"' in capsys.readouterr().err
