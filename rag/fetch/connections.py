"""Connections to the very address that was looked at, with a deadline for all of it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import httpcore

from rag.errors import BadSource, SourceUnavailable
from rag.fetch.addresses import Allowed

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses that a name stands for."""
Clock: TypeAlias = Callable[[], float]
"""Seconds, never going back."""


def resolve(host: str, port: int) -> list[str]:
    """As the system does it. Raises OSError when there is no such name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Guarded(httpcore.NetworkBackend):
    """Resolves a name once, refuses unless all its addresses are allowed, and connects to one of those.

    What the name stands for a moment later does not matter (DNS rebinding). Nothing lasts beyond
    ``deadline``.
    """

    def __init__(
        self,
        allowed: Allowed,
        deadline: float,
        *,
        resolve: Resolve = resolve,
        backend: httpcore.NetworkBackend | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._allowed = allowed
        self._deadline = deadline
        self._resolve = resolve
        self._backend = backend or httpcore.SyncBackend()
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises BadSource when the host may not be reached, SourceUnavailable when it cannot be."""
        failure: Exception | None = None
        for address in self._checked(host, port):
            try:
                stream = self._backend.connect_tcp(
                    address, port, _left(self._deadline, timeout, self._clock), local_address, socket_options
                )
                return _Timed(stream, self._deadline, self._clock)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise SourceUnavailable(f"{host}:{port} cannot be reached: {failure or 'no address'}")

    def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise SourceUnavailable(
                f"there is no host {host!r}, or its name cannot be looked up now"
            ) from None
        for address in addresses:
            if not self._allowed.admits(host, address):
                raise BadSource(
                    f"{host} is not on the public Internet ({address}); OLHAR_FETCH_ALLOW may name it"
                )
        return addresses


class _Timed(httpcore.NetworkStream):
    """A stream on which no read or write goes beyond the deadline, however slowly bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float, clock: Clock) -> None:
        self._stream = stream
        self._deadline = deadline
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout, self._clock))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout, self._clock))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout, self._clock)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None, clock: Clock) -> float:
    """Seconds that an operation may take; raises SourceUnavailable when there are none."""
    left = deadline - clock()
    if left <= 0:
        raise SourceUnavailable("it took longer than OLHAR_FETCH_SECONDS allows")
    return left if timeout is None else min(left, timeout)
