"""Who looks on while Olhar works: how long each step takes, and what came of it.

A leaf: nothing is imported, and with nobody looking on a step costs a look at an empty tuple. The server's
metrics and traces look on (``api.telemetry``); a program of your own may too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")
Attributes: TypeAlias = Mapping[str, "str | int | float"]
End: TypeAlias = Callable[["BaseException | None"], None]
"""Called once, when the step has ended, with what it raised."""


class Watcher(Protocol):
    """Is told of steps and results, in whatever thread they happen; must not raise, and should be quick."""

    def begun(self, step: str, attributes: Attributes, *, inside: bool) -> End:
        """A step begins; ``inside``: what the same thread begins before its end is a part of it."""

    def told(self, event: object) -> None:
        """A result: a ``SearchResult``, an ``Answer``, or what else somebody tells."""


_watchers: tuple[Watcher, ...] = ()
_changing = threading.Lock()
_NOTHING: AbstractContextManager[None] = nullcontext()


def watch(watcher: Watcher) -> Callable[[], None]:
    """Have it look on; what comes back ends that."""
    global _watchers
    with _changing:
        _watchers = (*_watchers, watcher)

    def leave() -> None:
        global _watchers
        with _changing:
            _watchers = tuple(one for one in _watchers if one is not watcher)

    return leave


def step(name: str, **attributes: str | int | float) -> AbstractContextManager[None]:
    """A step of the work of this thread. Attributes say where and of what kind, never what was asked."""
    return _watched(name, attributes) if _watchers else _NOTHING


def begun(name: str, **attributes: str | int | float) -> End:
    """As ``step``, for what is not begun and ended in one go, such as a stream. Call what comes back once."""
    ends = [watcher.begun(name, attributes, inside=False) for watcher in _watchers]

    def end(error: BaseException | None) -> None:
        for one in ends:
            one(error)

    return end


def tell(event: T) -> T:
    """Tell of a result, and give it back."""
    for watcher in _watchers:
        watcher.told(event)
    return event


@contextmanager
def _watched(name: str, attributes: Attributes) -> Iterator[None]:
    ends = [watcher.begun(name, attributes, inside=True) for watcher in _watchers]
    failed: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failed = error
        raise
    finally:
        for end in reversed(ends):
            end(failed)
