"""Who does the work of a tool: the server that owns the data folder, or this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from api.cli.backend import Backend, open_backend
from api.owner import serving
from rag.settings import Settings


class Backends:
    """Looks for a server at each call, so that one that is started or ended meanwhile is no trouble.

    Without a server this process takes the data folder at the first call and keeps it, since loading the
    models anew each time would take seconds: a server cannot be started on it until ``close``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._own = ExitStack()
        self._local: Backend | None = None

    @contextmanager
    def open(self) -> Iterator[Backend]:
        """The backend for one call. Raises what ``open_backend`` raises."""
        if self._local is None and serving(self.settings.data) is not None:
            with open_backend(self.settings) as remote:
                yield remote
            return
        yield self._kept()

    def close(self) -> None:
        """Give the data folder back."""
        with self._lock:
            self._local = None
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _kept(self) -> Backend:
        with self._lock:
            if self._local is None:
                self._local = self._own.enter_context(open_backend(self.settings))
            return self._local
