"""What retrieval costs beside its encoder and its calls to Milvus.

    python -m benchmarks.retrieval_latency [--items 10000] [--queries 200] [--profile]

Stores items with random vectors of the sizes of ``compact``, and short random captions, in a Milvus Lite
file. The calls of each search to pymilvus, and past it for rows, are recorded. Then the search, and the
encoding of the query with the same calls and the same arguments, are timed, each of the two first in turn.
Prints the median and the 95th percentile of both, their ratio, and what each call takes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from rag.build import build
from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.models import encoder_row
from rag.retrieval.retriever import Retriever
from rag.settings import load_settings
from rag.store import MilvusStore
from rag.types import Item, Matrix, Query, Row, Scope, item_id

SCOPE = Scope("default", "photos")
BATCH = 1000
WORDS = tuple(
    word
    for words in (
        "a the on in with dog cat man woman child beach snow street red blue green black white running",
        "jumping sitting standing playing water grass mountain river city night bicycle ball shirt hat boat",
    )
    for word in words.split()
)

Call: TypeAlias = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Recorder:
    """Stands in for a client or a connection, and remembers what was asked of it in ``calls``."""

    def __init__(self, asked: Any, calls: list[Call]) -> None:
        self._asked = asked
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._asked, name)
        if name not in ("search", "query", "past_milvus"):
            return made

        def call(*args: Any, **options: Any) -> Any:
            self._calls.append((name, made, args, options))
            return made(*args, **options)

        return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead of the ratio")
    given = parser.parse_args()
    models = build(load_settings()).models
    tower = TextTower(models)
    encoder, texts = CompactEncoder(models, tower), CompactTextEncoder(tower)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = MilvusStore.open(f"{folder}/m.db", image=encoder.fingerprint, text=texts.fingerprint)
        fill(store, given.items, encoder.fingerprint.dimension, texts.fingerprint.dimension, rng)
        retriever = Retriever(store, encoder, texts, encoder_row("compact").calibration)
        asked = [" ".join(rng.choice(WORDS, 6)) for _ in range(given.queries)]
        for text in asked[:10]:
            retriever.search(SCOPE, Query(text))
        if given.profile:
            profile(lambda: [retriever.search(SCOPE, Query(text)) for text in asked])
        else:
            compare(store, retriever, encoder, texts, asked)
        store.close()


def fill(store: MilvusStore, count: int, image: int, caption: int, rng: np.random.Generator) -> None:
    for start in range(0, count, BATCH):
        some = min(BATCH, count - start)
        pictures, words = unit(rng, some, image), unit(rng, some, caption)
        store.upsert([row(start + n, pictures[n], words[n], rng) for n in range(some)])


def row(number: int, image: Any, caption: Any, rng: np.random.Generator) -> Row:
    sha256 = f"{number:064x}"
    item = Item(
        id=item_id(SCOPE, sha256),
        tenant=SCOPE.tenant,
        collection=SCOPE.collection or "",
        content_hash=sha256,
        sources=(f"/photos/{number}.jpg",),
        caption=" ".join(rng.choice(WORDS, 8)),
        tags=tuple(rng.choice(WORDS, 2)),
        phash=f"{int(rng.integers(2**63)):016x}",
        taken_at=int(rng.integers(1, 2**31)),
        metadata={"camera_model": f"X{number % 100}", "width": 4000},
    )
    return Row(item, image, caption)


def unit(rng: np.random.Generator, count: int, size: int) -> Matrix:
    rows = rng.normal(size=(count, size)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def compare(
    store: MilvusStore,
    retriever: Retriever,
    encoder: CompactEncoder,
    texts: CompactTextEncoder,
    asked: list[str],
) -> None:
    calls: list[Call] = []
    connection: Any = store._connection  # what is measured is what it asks
    connection.client = Recorder(connection.client, calls)
    store._reads._connection = Recorder(connection, calls)  # type: ignore[assignment]
    took: dict[str, list[float]] = defaultdict(list)
    parts: dict[str, list[float]] = defaultdict(list)

    def search(text: str) -> None:
        calls.clear()
        retriever.search(SCOPE, Query(text))

    def bare(text: str) -> None:
        started = time.perf_counter()
        encoder.encode_text_queries([text])
        texts.encode_queries([text])
        parts["encode"].append(time.perf_counter() - started)
        for name, ask, args, options in calls:
            started = time.perf_counter()
            ask(*args, **options)
            what = options.get("anns_field", "rows")
            parts[f"{name} {args[0]} {what}"].append(time.perf_counter() - started)

    for turn, text in enumerate(asked):
        search(text)  # so that there is something to repeat, and neither of the two is the first
        for name, way in sorted({"retrieval": search, "bare": bare}.items(), reverse=bool(turn % 2)):
            took[name].append(timed(way, text))
    for name, seconds in (*took.items(), *parts.items()):
        print(f"{name:36} median {median(seconds):7.2f} ms   p95 {p95(seconds):7.2f} ms")
    print(f"ratio of the medians {median(took['retrieval']) / median(took['bare']):.3f}")
    print(f"ratio of the p95 {p95(took['retrieval']) / p95(took['bare']):.3f}; target at most 1.15")


def profile(work: Callable[[], object]) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(work)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def timed(way: Callable[[str], None], text: str) -> float:
    started = time.perf_counter()
    way(text)
    return time.perf_counter() - started


def median(seconds: list[float]) -> float:
    return 1e3 * float(np.median(seconds))


def p95(seconds: list[float]) -> float:
    return 1e3 * float(np.percentile(seconds, 95))


if __name__ == "__main__":
    main()
