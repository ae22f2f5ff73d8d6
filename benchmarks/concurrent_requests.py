"""Concurrent requests of one text or one picture: each with a pass of its own, or sharing passes.

    python -m benchmarks.concurrent_requests FOLDER [--clients 8] [--rounds 7]

FOLDER holds photos. OLHAR_ENCODER chooses the encoder. The two ways take turns; prints requests/s of both,
their ratio, and the time that half of the requests and the slowest twentieth waited.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ingest.sources import walk
from rag.build import build
from rag.encoders.sharing import SharedImageEncoder, SharedTextEncoder
from rag.images import decode
from rag.settings import load_settings
from rag.types import Matrix

REQUESTS = 96


def waits(encode: Callable[[Sequence[Any]], Matrix], inputs: Sequence[Any], clients: int) -> list[float]:
    """Seconds that each request took; the last is the time of all."""

    def ask(one: object) -> float:
        started = time.perf_counter()
        encode([one])
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        each = list(pool.map(ask, inputs))
    return [*each, time.perf_counter() - started]


def compare(
    name: str,
    alone: Callable[[Sequence[Any]], Matrix],
    shared: Callable[[Sequence[Any]], Matrix],
    inputs: Callable[[], Sequence[Any]],
    clients: int,
    rounds: int,
) -> None:
    """Print one line."""
    ways = {"alone": alone, "shared": shared}
    for way in ways.values():
        way(inputs()[:2])
    took: dict[str, list[list[float]]] = {key: [] for key in ways}
    for _ in range(rounds):
        for key, way in ways.items():
            took[key].append(waits(way, inputs(), clients))
    rows = {key: np.array(values) for key, values in took.items()}
    speed = {key: REQUESTS / np.median(row[:, -1]) for key, row in rows.items()}
    slow = {key: np.quantile(row[:, :-1], [0.5, 0.95]) * 1e3 for key, row in rows.items()}
    ratio = np.quantile(rows["alone"][:, -1] / rows["shared"][:, -1], [0.25, 0.5, 0.75])
    print(
        f"{name}, {clients} at a time: alone {speed['alone']:.0f}/s, shared {speed['shared']:.0f}/s; "
        f"ratio {ratio[1]:.2f} ({ratio[0]:.2f} to {ratio[2]:.2f}); median wait {slow['alone'][0]:.1f} and "
        f"{slow['shared'][0]:.1f} ms, 95 % {slow['alone'][1]:.1f} and {slow['shared'][1]:.1f} ms",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    files = [file for file in walk([options.folder]) if file.refused is None][:REQUESTS]
    if len(files) < REQUESTS:
        raise SystemExit(f"{options.folder} has {len(files)} photos; needed are {REQUESTS}")
    pictures = [decode(file.read(), max_pixels=10**9, max_side=1024) for file in files]
    numbers = itertools.count()

    def texts() -> list[str]:
        """Such as no cache knows."""
        return [f"a photo of {next(numbers)} dogs that run along a beach" for _ in range(REQUESTS)]

    with tempfile.TemporaryDirectory() as folder, build(load_settings(data=Path(folder))) as olhar:
        image, text = olhar._bare_encoders
        images, sentences = SharedImageEncoder(image), SharedTextEncoder(text)
        for clients in (1, options.clients):
            compare("queries", text.encode_queries, sentences.encode_queries, texts, clients, options.rounds)
            compare(
                "pictures",
                image.encode_images,
                images.encode_images,
                lambda: pictures,
                clients,
                options.rounds,
            )


if __name__ == "__main__":
    main()
