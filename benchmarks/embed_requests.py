"""Concurrent requests for vectors over HTTP, beside the same encoded in batches without a server.

    python -m benchmarks.embed_requests PHOTOS [--clients 32] [--count 256] [--rounds 3]

PHOTOS is a folder with a `captions.jsonl`. `olhar serve` runs in a process of its own; OLHAR_ENCODER chooses
the encoder. The two ways take turns. Prints how many a second each made, and the median of the ratios.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final

from benchmarks.serving import serving
from rag.build import Olhar, build
from rag.evaluation.datasets import Photo, read_dataset
from rag.images import working_picture
from rag.settings import load_settings

BATCH: Final = 64
numbers = itertools.count()


class Client:
    """A connection for each thread; as little work as can be, since it shares the machine with the server."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("http://")
        self._own = threading.local()

    def post(self, path: str, body: bytes, kind: str) -> bytes:
        try:
            answer, found = self._sent(path, body, kind)
        except (ConnectionError, HTTPException):  # it was idle for too long
            del self._own.connection
            answer, found = self._sent(path, body, kind)
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {found[:500]!r}")
        return found

    def _sent(self, path: str, body: bytes, kind: str) -> tuple[HTTPResponse, bytes]:
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection(self._host, timeout=300)
        connection: HTTPConnection = self._own.connection
        connection.request("POST", path, body, {"content-type": kind})
        answer = connection.getresponse()
        return answer, answer.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    photos = read_dataset(given.photos).photos[: given.count]
    pool = ThreadPoolExecutor(given.clients)
    with serving(photos[:4], {}) as served, build(load_settings()) as olhar, pool:
        for what, send, offline in ways(served.url, olhar):
            compare(what, partial(_all, pool, send), offline, photos, given.rounds)


def ways(
    url: str, olhar: Olhar
) -> list[tuple[str, Callable[[Photo], object], Callable[[Sequence[Photo]], object]]]:
    """For texts and for pictures: one request, and all in batches."""

    client = Client(url)

    def text(photo: Photo) -> object:
        body = json.dumps({"text": photo.captions[0]}).encode()
        return client.post("/embed/text", body, "application/json")

    def picture(photo: Photo) -> object:
        part = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        body = part + photo.path.read_bytes() + b"\r\n--x--\r\n"
        return client.post("/embed/image", body, "multipart/form-data; boundary=x")

    def texts(photos: Sequence[Photo]) -> object:
        return _batched(olhar.encoder.encode_text_queries, [photo.captions[0] for photo in photos])

    def pictures(photos: Sequence[Photo]) -> object:
        limit = olhar.settings.max_pixels
        opened = [working_picture(photo.path.read_bytes(), max_pixels=limit).pixels for photo in photos]
        return _batched(olhar.encoder.encode_images, opened)

    return [("texts", text, texts), ("pictures", picture, pictures)]


def _all(pool: ThreadPoolExecutor, send: Callable[[Photo], object], photos: Sequence[Photo]) -> object:
    return list(pool.map(send, photos))


def _batched(encode: Callable[[Sequence[Any]], object], things: Sequence[Any]) -> object:
    return [encode(things[start : start + BATCH]) for start in range(0, len(things), BATCH)]


def compare(
    what: str,
    requests: Callable[[Sequence[Photo]], object],
    offline: Callable[[Sequence[Photo]], object],
    photos: Sequence[Photo],
    rounds: int,
) -> None:
    """Print one line."""
    took: list[tuple[float, float]] = []
    for way in (requests, offline):
        way(_fresh(photos[:BATCH]))
    for _ in range(rounds):
        took.append((_seconds(requests, photos), _seconds(offline, photos)))
    rates = [len(photos) / statistics.median(column) for column in zip(*took, strict=True)]
    ratio = statistics.median(offline / online for online, offline in took)
    print(f"{what}: requests {rates[0]:.1f}/s, batches {rates[1]:.1f}/s, ratio {ratio:.2f}", flush=True)


def _fresh(photos: Sequence[Photo]) -> list[Photo]:
    """With captions that no cache knows."""
    return [replace(photo, captions=(f"{photo.captions[0]} {next(numbers)}",)) for photo in photos]


def _seconds(way: Callable[[Sequence[Photo]], object], photos: Sequence[Photo]) -> float:
    photos = _fresh(photos)
    started = time.perf_counter()
    way(photos)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
