"""One download: redirects, sizes and statuses."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import httpcore
import httpx

from rag.errors import BadSource, SourceUnavailable
from rag.fetch.addresses import Allowed
from rag.fetch.connections import Clock, Guarded, Resolve, resolve
from rag.urls import without_password

REDIRECTS = 5
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")
LATER = frozenset({408, 425, 429})
"""Statuses below 500 after which another try may help."""
HEADERS = ((b"user-agent", b"olhar"), (b"accept", b"*/*"), (b"accept-encoding", b"identity"))


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: the URL after all redirects, the bytes written, and the server's mark of the version."""

    url: str
    size: int
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Downloads over http and https.

    ``seconds`` is the deadline of a whole download with its redirects, ``idle_seconds`` that of each silence
    within; looking up a name has the system's own. Each redirect is looked at anew, at most ``REDIRECTS``,
    and none leads from https to http. Proxies of the environment are not used.
    """

    seconds: float
    idle_seconds: float
    allowed: Allowed = field(default_factory=Allowed)
    resolve: Resolve = resolve
    backend: httpcore.NetworkBackend | None = None
    clock: Clock = time.monotonic

    def fetch(self, url: str, sink: BinaryIO, *, max_bytes: int, limit: str = "OLHAR_MAX_BYTES") -> Fetched:
        """Write what is at ``url`` to ``sink``, no more than ``max_bytes``; ``limit`` is the setting to name.

        Raises BadSource for a URL that may not be used, gives nothing or too much, and SourceUnavailable
        when another try may help.
        """
        guarded = Guarded(
            self.allowed,
            self.clock() + self.seconds,
            resolve=self.resolve,
            backend=self.backend,
            clock=self.clock,
        )
        target = checked(url)
        with httpcore.ConnectionPool(network_backend=guarded, retries=0) as pool:
            for _ in range(REDIRECTS + 1):
                found = self._get(pool, target, sink, max_bytes, limit)
                if isinstance(found, Fetched):
                    return found
                target = found
        raise BadSource(f"{without_password(url)} redirects more than {REDIRECTS} times")

    def _get(
        self, pool: httpcore.ConnectionPool, url: httpx.URL, sink: BinaryIO, max_bytes: int, limit: str
    ) -> Fetched | httpx.URL:
        """What came, or where to look next."""
        shown = without_password(str(url))
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path or b"/"
        )
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self.idle_seconds)
        headers = [(b"host", url.netloc), *HEADERS]
        try:
            with pool.stream("GET", target, headers=headers, extensions={"timeout": timeouts}) as response:
                there = {name.lower(): value.decode("latin-1") for name, value in response.headers}
                if 300 <= response.status < 400 and b"location" in there:
                    return _redirected(url, there[b"location"])
                _check_status(shown, response.status)
                _check_headers(shown, there, max_bytes, limit)
                size = _copy(response, sink, lambda: _too_large(shown, max_bytes, limit), max_bytes)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            reason = str(error) or type(error).__name__
            raise SourceUnavailable(f"{shown} broke off or was too slow: {reason}") from None
        except (OSError, ValueError) as error:
            raise SourceUnavailable(f"{shown} cannot be read: {error}") from None
        mark = there.get(b"etag") or there.get(b"last-modified") or ""
        return Fetched(str(url), size, f"{mark}-{size}" if mark else "")


def checked(url: str) -> httpx.URL:
    """The URL without its fragment. Raises BadSource unless it is http(s) with a host and no password."""
    try:
        found = httpx.URL(url).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise BadSource(f"{without_password(url):.200} is no URL that can be used: {error}") from None
    if found.scheme not in ("http", "https") or not found.host:
        raise BadSource(f"{without_password(url):.200} is no URL of http or https with a host")
    if not _HOST.fullmatch(found.raw_host) or (found.port or 1) > 65_535:
        raise BadSource(f"{without_password(url):.200} is no URL: its host or port cannot be one")
    if found.userinfo:
        raise BadSource(f"{without_password(url):.200}: URLs with a user or password are not used")
    return found


def _redirected(url: httpx.URL, location: str) -> httpx.URL:
    try:
        target = checked(str(url.join(location)))
    except (httpx.InvalidURL, ValueError):
        raise BadSource(f"{without_password(str(url))} redirects to what is no URL") from None
    if url.scheme == "https" and target.scheme == "http":
        raise BadSource(f"{without_password(str(url))} redirects from https to http")
    return target


def _check_status(shown: str, status: int) -> None:
    if status >= 500 or status in LATER:
        raise SourceUnavailable(f"{shown} answers {status}")
    if status != 200:
        raise BadSource(f"{shown} answers {status}")


def _check_headers(shown: str, headers: dict[bytes, str], max_bytes: int, limit: str) -> None:
    coding = headers.get(b"content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise BadSource(f"{shown} comes compressed ({coding:.40}), which was not asked for")
    declared = headers.get(b"content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(shown, max_bytes, limit)


def _too_large(shown: str, max_bytes: int, limit: str) -> BadSource:
    return BadSource(f"{shown} is too large: the limit is {max_bytes:,} bytes ({limit})")


def _copy(response: Any, sink: BinaryIO, too_large: Callable[[], BadSource], max_bytes: int) -> int:
    size = 0
    for chunk in response.iter_stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large()
        sink.write(chunk)
    return size
