"""Serving: one process that owns the data folder and answers over HTTP."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from api.app import create_app
from api.listening import bound, listen, url_of
from api.owner import acquire, decided
from api.telemetry.logs import configure
from rag.build import Olhar, build
from rag.errors import BadSettings, ModelUnavailable
from rag.settings import Settings

GRACE_S = 30
"""How long requests under way may take once the server was told to stop."""


def serve(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Serve until a signal; everything is closed when it returns.

    Models are loaded before the first request is taken. Raises BadSettings for a host that is not
    loopback or an address in use, DataFolderBusy, and what the parts raise when they cannot be had.
    SIGTERM ends it with exit code 143.
    """
    configure(settings.log, settings.log_level)
    with (
        bound(settings) as listener,
        _closing_on_sigterm(),
        acquire(settings.data) as owner,
        build(settings) as olhar,
        _worker(olhar) as wake,
    ):
        _try_language_model(olhar, say)
        if settings.prewarm:
            _prewarm(olhar, say)
        listen(listener, settings)
        url = url_of(settings.host, listener)
        owner.publish(url, **decided(settings))
        say(f"Olhar is at {url} (documentation: {url}/docs); Ctrl-C ends it")
        config = uvicorn.Config(
            create_app(olhar, wake),
            log_config=None,  # what it tells goes where all goes
            log_level="warning",
            access_log=False,
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            say("Olhar has ended")


def work(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Work on jobs beside the server, until a signal. As many as there are GPUs may run, on any machine.

    Raises BadSettings when the jobs or the vectors lie in files, which belong to one process.
    """
    from ingest.worker import Worker

    configure(settings.log, settings.log_level)
    with _closing_on_sigterm(), build(settings) as olhar:
        if olhar.records.database.sqlite or settings.store_uri.endswith(".db"):
            raise BadSettings(
                "a worker of its own needs the records in Postgres (OLHAR_DATABASE_URL) and a Milvus server "
                "(OLHAR_MILVUS_URI); in the files of a data folder, the server works itself: `olhar serve`"
            )
        olhar.warm()
        with Worker(olhar) as worker:
            say(f"the worker {worker.name} waits for jobs; Ctrl-C ends it")
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                say("the worker has ended")


@contextmanager
def _worker(olhar: Olhar) -> Iterator[Callable[[], None]]:
    """The worker on jobs, if it belongs into this process; gives what wakes it."""
    olhar.warm()
    if olhar.settings.worker == "apart":
        yield lambda: None
        return
    from ingest.worker import Worker

    with Worker(olhar) as worker:
        yield worker.wake


def _try_language_model(olhar: Olhar, say: Callable[[str], None]) -> None:
    """Load it too. While it is away, searches work and answers come as evidence: no reason not to serve."""
    try:
        olhar.generator.check()
    except ModelUnavailable as error:
        say(f"warning: no answers for now, only their evidence: {error}")


def _prewarm(olhar: Olhar, say: Callable[[str], None]) -> None:
    """Load language model and reranker beside the first requests: those say themselves what they lack."""

    def warm() -> None:
        for part, lost in ((olhar.generator, "answers"), (olhar.reranker, "reranking")):
            try:
                if part is not None:
                    part.warm()
            except ModelUnavailable as error:
                say(f"warning: no {lost} for now: {error}")

    threading.Thread(target=warm, name="prewarm", daemon=True).start()


@contextmanager
def _closing_on_sigterm() -> Iterator[None]:
    """SIGTERM leaves through the ``with`` blocks above it, during the start and after uvicorn's shutdown.

    uvicorn raises the signal again once it is done, which by default would end the process there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal is delivered to another thread
        return

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
