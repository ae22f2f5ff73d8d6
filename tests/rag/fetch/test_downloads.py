"""A download reaches what was looked at and nothing else, and ends within its bounds."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import httpcore
import pytest

from rag.errors import BadSource, SourceUnavailable
from rag.fetch import Allowed, Fetcher

LOCAL = Allowed.of("127.0.0.1")
FETCHER = Fetcher(60, 60, LOCAL)


def answer(status: int = 200, body: bytes = b"picture", *headers: str, length: int | None = None) -> bytes:
    declared = f"content-length: {len(body) if length is None else length}"
    return "\r\n".join([f"HTTP/1.1 {status} X", declared, *headers, "", ""]).encode() + body


@dataclass
class Web:
    """Gives each connection the next answer, and keeps the first lines that were sent."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/a.jpg"


@contextmanager
def serving(*answers: bytes, hold: bool = False) -> Iterator[Web]:
    """``hold``: the connection stays open when the answer has been sent."""
    web = Web()
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        web.port = listener.getsockname()[1]

        def serve() -> None:
            for text in answers:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    web.asked.append(connection.recv(65_536).decode())
                    connection.sendall(text)
                    if hold:
                        done.wait()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield web
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def fetched(url: str, fetcher: Fetcher = FETCHER, max_bytes: int = 1000) -> bytes:
    sink = io.BytesIO()
    fetcher.fetch(url, sink, max_bytes=max_bytes)
    return sink.getvalue()


def test_what_is_there_comes_as_it_is() -> None:
    with serving(answer(200, b"picture", 'etag: "x"')) as web:
        sink = io.BytesIO()
        found = FETCHER.fetch(f"{web.url}?q=1#fragment", sink, max_bytes=1000)
    assert sink.getvalue() == b"picture"
    assert (found.size, found.url, found.revision) == (7, f"{web.url}?q=1", '"x"-7')
    assert web.asked[0].startswith("GET /a.jpg?q=1 HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{web.port}" in web.asked[0]
    assert "accept-encoding: identity" in web.asked[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest/", "http://0/",
    ],
)  # fmt: skip
def test_this_machine_is_refused_however_it_is_written(url: str) -> None:
    with pytest.raises(BadSource, match="OLHAR_FETCH_ALLOW"):
        fetched(url, Fetcher(60, 60))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a", "file:///etc/passwd", "http://", "http:///a", "//host/a", "http://user:secret@host/a",
        "http://user@host/", "http://host:99999999/", "http://ho st/", "",
    ],
)  # fmt: skip
def test_other_urls_are_refused_without_a_look_up(url: str) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError(f"{host}:{port} was looked up")

    with pytest.raises(BadSource) as raised:
        fetched(url, Fetcher(60, 60, resolve=resolve))
    assert "secret" not in str(raised.value)


class Recorded(httpcore.MockBackend):
    """Answers at every address, and keeps which were connected to."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__([])
        self.answers = list(answers)
        self.addresses: list[str] = []

    def connect_tcp(self, host: str, *args: Any, **named: Any) -> httpcore.NetworkStream:  # noqa: ARG002
        self.addresses.append(host)
        return _Stream(self.answers.pop(0))


class _Stream(httpcore.NetworkStream):
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._data.read(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...

    def get_extra_info(self, info: str) -> Any: ...


def resolving(*answers: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """Each look-up gives the next of these."""
    left = list(answers)
    return lambda host, port: left.pop(0)  # noqa: ARG005


def test_the_address_that_was_looked_at_is_connected_to() -> None:
    """A name that stands for another address a moment later (DNS rebinding) gains nothing."""
    backend = Recorded(answer())
    fetcher = Fetcher(60, 60, resolve=resolving(["93.184.216.34"], ["127.0.0.1"]), backend=backend)
    assert fetched("http://rebinding.example/", fetcher) == b"picture"
    assert backend.addresses == ["93.184.216.34"]


def test_one_address_that_is_not_public_refuses_all() -> None:
    backend = Recorded()
    fetcher = Fetcher(60, 60, resolve=resolving(["93.184.216.34", "10.0.0.1"]), backend=backend)
    with pytest.raises(BadSource, match=r"10\.0\.0\.1"):
        fetched("http://mixed.example/", fetcher)
    assert not backend.addresses


def test_every_redirect_is_looked_at_anew() -> None:
    for location in ("http://inside.example/", "//inside.example/x", "http://169.254.169.254/"):
        backend = Recorded(answer(302, b"", f"location: {location}", "connection: close"))
        fetcher = Fetcher(60, 60, resolve=resolving(["93.184.216.34"], ["169.254.169.254"]), backend=backend)
        with pytest.raises(BadSource, match=r"169\.254\.169\.254"):
            fetched("http://outside.example/", fetcher)
        assert len(backend.addresses) == 1


@pytest.mark.parametrize(
    ("location", "reason"),
    [("ftp://host/a", "no URL of http"), ("file:///etc/passwd", "no URL of http"),
     ("http://user:secret@host/", "user or password"), ("http://[", "no URL: its host")],
)  # fmt: skip
def test_redirects_to_what_is_no_web_page_are_refused(location: str, reason: str) -> None:
    with serving(answer(301, b"", f"location: {location}")) as web, pytest.raises(BadSource, match=reason):
        fetched(web.url)


def test_redirects_are_followed_so_far() -> None:
    hop = answer(302, b"", "location: /next", "connection: close")
    with serving(hop, hop, answer()) as web:
        assert fetched(web.url) == b"picture"
    assert web.asked[2].startswith("GET /next ")
    with serving(*[hop] * 6) as web, pytest.raises(BadSource, match="more than 5 times"):
        fetched(web.url)


def test_https_does_not_become_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Stream, "start_tls", lambda self, *_, **__: self, raising=False)
    backend = Recorded(answer(302, b"", "location: http://example.com/"))
    fetcher = Fetcher(60, 60, resolve=resolving(["93.184.216.34"], ["93.184.216.34"]), backend=backend)
    with pytest.raises(BadSource, match="from https to http"):
        fetched("https://example.com/", fetcher)


def test_no_more_bytes_than_allowed_whatever_is_declared() -> None:
    with (
        serving(answer(200, b"x" * 500)) as web,
        pytest.raises(BadSource, match=r"100 bytes \(OLHAR_MAX_BYTES\)"),
    ):
        fetched(web.url, max_bytes=100)
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000
    with serving(endless) as web, pytest.raises(BadSource, match="too large"):
        fetched(web.url, max_bytes=100)
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n"
    with (
        serving(chunked + b"64\r\n" + b"x" * 100 + b"\r\n") as web,
        pytest.raises(BadSource, match="large"),
    ):
        fetched(web.url, max_bytes=150)


def test_compressed_transfer_is_refused() -> None:
    with serving(answer(200, b"x", "content-encoding: gzip")) as web, pytest.raises(BadSource, match="gzip"):
        fetched(web.url)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, BadSource), (403, BadSource), (304, BadSource), (206, BadSource), (204, BadSource),
     (429, SourceUnavailable), (500, SourceUnavailable), (503, SourceUnavailable)],
)  # fmt: skip
def test_a_status_says_whether_another_try_helps(status: int, kind: type[Exception]) -> None:
    body = b"" if status in (204, 304) else b"x"
    with serving(answer(status, body)) as web, pytest.raises(kind, match=str(status)):
        fetched(web.url)


@pytest.mark.parametrize(
    "broken", [b"", b"nonsense\r\n\r\n", answer(200, b"half", length=100), b"HTTP/1.1 200 OK\r\ncontent-le"]
)
def test_what_breaks_off_may_be_tried_again(broken: bytes) -> None:
    with serving(broken) as web, pytest.raises(SourceUnavailable) as raised:
        fetched(web.url)
    assert raised.value.retryable


def test_silence_ends_a_download() -> None:
    quick = replace(FETCHER, idle_seconds=0.05)
    with serving(answer(200, b"half", length=100), hold=True) as web, pytest.raises(SourceUnavailable):
        fetched(web.url, quick)


def test_the_deadline_holds_however_slowly_bytes_drip() -> None:
    """The clock goes on by a second at each look; each byte of the answer takes one."""
    ticks = count()

    class Dripping(_Stream):
        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return super().read(min(max_bytes, 1), timeout)

    class Backend(Recorded):
        def connect_tcp(self, host: str, *args: Any, **named: Any) -> httpcore.NetworkStream:  # noqa: ARG002
            return Dripping(answer(200, b"x" * 500))

    for seconds in (20, 200):  # within the headers, and within the body
        fetcher = Fetcher(
            seconds, 60, resolve=lambda *_: ["8.8.8.8"], backend=Backend(), clock=lambda: next(ticks)
        )
        with pytest.raises(SourceUnavailable, match="OLHAR_FETCH_SECONDS"):
            fetched("http://slow.example/", fetcher)


def test_a_host_that_is_not_there_may_be_tried_again() -> None:
    def resolve(*_: object) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(SourceUnavailable, match=r"nowhere\.example"):
        fetched("http://nowhere.example/", Fetcher(60, 60, resolve=resolve))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        fetched(f"http://127.0.0.1:{port}/")
