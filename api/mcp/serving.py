"""Speaking the protocol: over stdin and stdout, or over HTTP on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from api.listening import bound, listen, url_of
from api.mcp.backends import Backends
from api.mcp.tools import create
from api.telemetry.logs import configured
from rag.errors import BadSettings
from rag.settings import Settings

HOST = "127.0.0.1"
PATH = "/mcp"


def over_stdio(settings: Settings) -> None:
    """Until stdin ends. Nothing but the protocol is written to stdout; the log goes to stderr."""
    with _backends(settings) as backends:
        create(backends, local=True).run("stdio")


def over_http(settings: Settings, port: int) -> None:
    """Streamable HTTP on the loopback, until Ctrl-C.

    Paths are refused there: another user of this machine could have files read that are not theirs. Raises
    BadSettings where keys are asked for.
    """
    at = settings.model_copy(update={"port": port})
    if settings.asks_for_keys:
        raise BadSettings(
            f"keys are asked for (OLHAR_HOST={at.host}, OLHAR_AUTH={at.auth}, OLHAR_PUBLIC_URLS, "
            "OLHAR_PROXIES), and MCP over HTTP knows none: start `olhar mcp` without --http"
        )
    with bound(at) as listener, _backends(settings) as backends:
        app = create(backends, local=False).streamable_http_app(
            streamable_http_path=PATH, stateless_http=True, host=HOST
        )
        listen(listener, at)
        print(f"Olhar speaks MCP at {url_of(at.host, listener)}{PATH}; Ctrl-C ends it", file=sys.stderr)
        config = uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, ws="none")
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _backends(settings: Settings) -> Iterator[Backends]:
    level = "warning" if settings.log_level == "info" else settings.log_level
    with configured(settings.log, level), Backends(settings) as backends:
        yield backends
