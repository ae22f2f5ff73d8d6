"""Traces by OpenTelemetry, where its SDK is installed (``olhar[otel]``) and set up by its own variables.

Without either nothing of it is imported here, and a step costs what it costs with nobody looking on. Spans
hold routes, counts and models, never what was asked, and of errors the class only: a message may quote it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from rag import __version__
from rag.observing import Attributes, End, watch
from rag.types import Answer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

log: Final = logging.getLogger(__name__)
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
Finish = Callable[[str, str, int], None]
"""Ends a request, once: its method, template of the route, status."""
_tracing: list[Traces] = []


class Traces:
    """A watcher whose steps are spans; also makes those of requests."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begun(self, step: str, attributes: Attributes, *, inside: bool) -> End:
        """As ``rag.observing.Watcher``."""
        told = {f"olhar.{name}": value for name, value in attributes.items()}
        if not inside:
            span = self._tracer.start_span(step, attributes=told)
            return lambda error: _ended(span, error)
        entered = self._tracer.start_as_current_span(
            step, attributes=told, record_exception=False, set_status_on_exception=False
        )
        current = entered.__enter__()

        def end(error: BaseException | None) -> None:
            _failed(current, error)
            entered.__exit__(None, None, None)

        return end

    def told(self, event: object) -> None:
        """As ``rag.observing.Watcher``: an answer's tokens stand with its request."""
        from opentelemetry import trace

        if isinstance(event, Answer):
            span = trace.get_current_span()
            span.set_attribute("olhar.abstained", event.abstained)
            span.set_attribute("gen_ai.usage.input_tokens", event.usage.prompt_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", event.usage.completion_tokens)

    @contextmanager
    def request(self, headers: Mapping[str, str]) -> Iterator[Finish]:
        """The span of a request, a part of the client's own where that sent one (``traceparent``)."""
        from opentelemetry import propagate
        from opentelemetry.trace import SpanKind, StatusCode

        with self._tracer.start_as_current_span(
            "request",
            context=propagate.extract(headers),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
            end_on_exit=False,
        ) as span:

            def finish(method: str, route: str, status: int) -> None:
                span.update_name(f"{method} {route}".strip())
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.response.status_code", status)
                if route:
                    span.set_attribute("http.route", route)
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
                span.end()

            yield finish


def request(headers: Mapping[str, str]) -> AbstractContextManager[Finish]:
    """As ``Traces.request``; nothing where there are no traces."""
    return _tracing[0].request(headers) if _tracing else nullcontext(_nothing)


def trace_id() -> str:
    """Of the span that is current, 32 hex digits; empty where there is none."""
    if not _tracing:
        return ""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


@contextmanager
def started(environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Send traces for a while, if the variables say so; what is left is sent at the end."""
    provider = _provider(environ)
    if provider is None:
        yield
        return
    try:
        with tracing(provider):
            yield
    finally:
        provider.shutdown()


@contextmanager
def tracing(provider: TracerProvider) -> Iterator[None]:
    """Have steps and requests become spans of this provider."""
    traces = Traces(provider.get_tracer("olhar", __version__))
    leave = watch(traces)
    _tracing.append(traces)
    try:
        yield
    finally:
        _tracing.remove(traces)
        leave()


def _provider(environ: Mapping[str, str]) -> TracerProvider | None:
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    wanted = exporter or any(environ.get(name) for name in ENDPOINTS)
    if not wanted or exporter == "none" or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        return _exporting(exporter or "otlp", environ)
    except ImportError as error:
        log.warning("no traces are sent: %s; pip install 'olhar[otel]'", error)
        return None


def _exporting(exporter: str, environ: Mapping[str, str]) -> TracerProvider | None:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

    chosen: SpanExporter
    if exporter == "console":
        chosen = ConsoleSpanExporter(out=sys.stderr)
    elif exporter == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        chosen = OTLPSpanExporter()
    else:
        log.warning(
            "no traces are sent: OTEL_TRACES_EXPORTER is %s; otlp, console and none are known", exporter
        )
        return None
    name = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": "olhar"}
    provider = TracerProvider(resource=Resource.create({**name, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(chosen))
    return provider


def _ended(span: Span, error: BaseException | None) -> None:
    _failed(span, error)
    span.end()


def _failed(span: Span, error: BaseException | None) -> None:
    from opentelemetry.trace import StatusCode

    if error is not None:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", type(error).__name__)


def _nothing(method: str, route: str, status: int) -> None:
    del method, route, status
