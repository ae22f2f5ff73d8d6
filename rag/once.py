"""A property that is computed once, also when several threads ask for it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast, overload

T = TypeVar("T")
_NOT_YET = object()


class once(Generic[T]):  # noqa: N801  # used as a decorator, like property
    """As ``functools.cached_property``, which since Python 3.12 may compute twice in two threads.

    The lock is the property's own and may be entered again by the thread that holds it. A computation
    that raises leaves nothing behind: the next call tries again.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> once[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> once[T] | T:
        if instance is None:
            return self
        kept = vars(instance)
        if (value := kept.get(self._name, _NOT_YET)) is _NOT_YET:
            with self._lock:
                if (value := kept.get(self._name, _NOT_YET)) is _NOT_YET:
                    value = kept[self._name] = self._make(instance)
        return cast(T, value)
