"""Serving: one process that owns the data folder and answers over HTTP."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from threadpoolctl import threadpool_limits

from api.app import create_app
from api.ending import Ending, Server
from api.listening import believed, bound, listen, url_of
from api.owner import acquire, decided
from api.security.serving import known
from api.telemetry.logs import configured
from api.telemetry.tracing import started
from rag.build import Olhar, build
from rag.errors import BadSettings, ModelUnavailable
from rag.settings import Settings

if TYPE_CHECKING:
    from ingest.worker import Worker


KEEP_ALIVE_S = 75
"""A connection without a request is kept so long: longer than proxies keep theirs (60 s), and than a client
waits that was told to come back; closed in just that moment, its next request would fail."""

SWITCH_S = 0.0005
"""After so long a thread that computes lets another one go on. A search in a Milvus Lite file changes threads
dozens of times, and waited up to ten times as long at each change behind what is ingested."""


def serve(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Serve until a signal; everything is closed when it returns.

    Models are loaded before the first request is taken. Raises BadSettings where keys are asked for and
    there is none, and for an address in use, DataFolderBusy, and what the parts raise when they cannot be
    had. SIGTERM ends it with exit code 143 (``api.ending``).
    """
    ending = Ending(settings.grace_seconds)
    with (
        for_many(),
        bound(settings) as listener,
        ending.by_signals(),
        acquire(settings.data) as owner,
        configured(settings.log, settings.log_level),
        started(),
        build(settings) as olhar,
        known(olhar, say),
        _worker(olhar, ending) as wake,
    ):
        _try_language_model(olhar, say)
        if settings.prewarm:
            _prewarm(olhar, say)
        listen(listener, settings)
        url = url_of(settings.host, listener)
        owner.publish(url, **decided(settings), asks_for_keys=settings.asks_for_keys)
        say(f"Olhar is at {url} (documentation: {url}/docs); Ctrl-C ends it")
        app = create_app(olhar, wake)

        def on_end() -> None:
            app.state.ending = True
            ending.begin()

        config = uvicorn.Config(
            app,
            log_config=None,  # what it tells goes where all goes
            log_level="warning",
            access_log=False,
            ws="none",
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=believed(settings.proxies) or None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(settings.grace_seconds),
        )
        try:
            Server(config, on_end).run(sockets=[listener])
        except KeyboardInterrupt:
            say("Olhar has ended")


@contextmanager
def for_many() -> Iterator[None]:
    """The process for many requests at a time, in place of one that has it for itself.

    Linear algebra keeps to the thread that asks for it: threads of its own wait turning round. That holds for
    what is loaded by now (numpy); the rest computes for reports only.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        sys.setswitchinterval(before)


def work(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Work on jobs beside the server, until a signal. As many as there are GPUs may run, on any machine.

    Raises BadSettings when the jobs or the vectors lie in files, which belong to one process.
    """
    from ingest.worker import Worker

    ending = Ending(settings.grace_seconds)
    with (
        ending.by_signals(),
        configured(settings.log, settings.log_level),
        started(),
        build(settings) as olhar,
    ):
        if olhar.records.database.sqlite or settings.store_is_file:
            raise BadSettings(
                "a worker of its own needs the records in Postgres (OLHAR_DATABASE_URL) and a Milvus server "
                "(OLHAR_MILVUS_URI); in the files of a data folder, the server works itself: `olhar serve`"
            )
        olhar.warm()
        with _working(Worker(olhar), ending) as worker:
            say(f"the worker {worker.name} waits for jobs; Ctrl-C ends it")
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                say("the worker has ended")


@contextmanager
def _working(worker: Worker, ending: Ending) -> Iterator[Worker]:
    """The worker at work; at the end it has what is left of the time for ending."""
    worker.start()
    try:
        yield worker
    finally:
        ending.stuck = not worker.stop(ending.left)


@contextmanager
def _worker(olhar: Olhar, ending: Ending) -> Iterator[Callable[[], None]]:
    """The worker on jobs, if it belongs into this process; gives what wakes it."""
    olhar.warm()
    if olhar.settings.worker == "apart":
        yield lambda: None
        return
    from ingest.worker import Worker

    with _working(Worker(olhar), ending) as worker:
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
