"""Logs: a line an event, for people or as JSON, with the id of the request.

Plain ``logging``: every library that we use speaks it already, and what structlog would add (fields beside
the message, and values bound to a request) are the two short functions here. Fields stand in
``extra={"told": {...}}``.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from api.telemetry.request_ids import REQUEST_ID
from api.telemetry.tracing import trace_id
from rag.urls import without_password

OURS: Final = ("api", "rag", "ingest")


class JsonLines(logging.Formatter):
    """One object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, ``request_id``, the fields."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_password(record.getMessage()),
            **fields(record),
        }
        if record.exc_info:
            event["exception"] = without_password(self.formatException(record.exc_info))
        return json.dumps(event, default=str)


class Lines(logging.Formatter):
    """A line to read: time, level, message, fields as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created).isoformat(" ", "milliseconds")
        told = "".join(f" {name}={value}" for name, value in fields(record).items())
        text = f"{when} {record.levelname:<7} {without_password(record.getMessage())}{told}"
        if record.exc_info:
            text += "\n" + without_password(self.formatException(record.exc_info))
        return text


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """What stands beside the message: the request's id, and what the event tells."""
    told: Mapping[str, Any] = getattr(record, "told", {})
    ids = {"request_id": REQUEST_ID.get(), "trace_id": trace_id()}
    return {**{name: value for name, value in ids.items() if value}, **told}


@contextmanager
def configured(form: Literal["text", "json"], level: str) -> Iterator[None]:
    """``configure`` for a while; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in ("", *OURS)}
    root.handlers.clear()
    configure(form, level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)


def configure(form: Literal["text", "json"], level: str, stream: TextIO | None = None) -> None:
    """Have all loggers of this process write to ``stream``, stderr by default.

    Ours from ``level`` on, those of libraries from ``warning`` on.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Lines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
