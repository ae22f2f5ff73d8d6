"""How much of exact search the index of Milvus finds, beside HNSW of FAISS; FAISS' flat index is the oracle.

    python -m benchmarks.ann_recall [--rows 10000] [--dimension 512] [--queries 200] [--kinds 50]

Vectors are drawn around as many centres as there are kinds, as those of pictures are. Milvus Lite is filled,
closed, and opened again with HNSW. ``--kinds 0`` draws them evenly, which is the hardest. Prints recall@10
and @100 of each (the share of the exact neighbours that it finds) and the median ms of a search for ten, one
query at a time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import faiss
import numpy as np

from rag.store import MilvusStore
from rag.types import AllOf, Fingerprint, Item, Matrix, Row, Scope, Vector, Where, item_id

SCOPE = Scope("default", "drawn")
CUTOFFS = (10, 100)
BATCH = 1000
Search = Callable[[Vector, int], Sequence[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--kinds", type=int, default=50)
    given = parser.parse_args()
    vectors = drawn(given.rows + given.queries, given.dimension, given.kinds)
    stored, queries = vectors[: given.rows], vectors[given.rows :]
    flat = faiss.IndexFlatIP(given.dimension)
    flat.add(stored)
    oracle: list[list[int]] = flat.search(queries, max(CUTOFFS))[1].tolist()
    report("FAISS flat", by_faiss(flat), queries, oracle)
    graph = faiss.IndexHNSWFlat(given.dimension, 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 40
    graph.add(stored)
    for breadth in (64, 256):
        graph.hnsw.efSearch = breadth
        report(f"FAISS HNSW, efSearch {breadth}", by_faiss(graph), queries, oracle)
    with tempfile.TemporaryDirectory() as folder:
        for name, limit in (("FLAT", given.rows + 1), ("HNSW", 0)):
            by_milvus(Path(folder), f"Milvus Lite {name}", limit, stored, queries, oracle)


def drawn(count: int, dimension: int, kinds: int) -> Matrix:
    """Unit vectors around centres; how far from them differs by centre. Without centres, anywhere."""
    rng = np.random.default_rng(0)
    if kinds:
        which = rng.integers(0, kinds, count)
        centres, spread = rng.normal(size=(kinds, dimension)), rng.uniform(0.5, 1.5, kinds)[which, None]
    else:
        which = np.zeros(count, np.int64)
        centres, spread = np.zeros((1, dimension)), np.ones((1, 1))
    found = centres[which] + spread * rng.normal(size=(count, dimension))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def by_faiss(index: faiss.Index) -> Search:
    return lambda query, k: index.search(query[None], k)[1][0].tolist()


def by_milvus(
    folder: Path, name: str, flat_limit: int, stored: Matrix, queries: Matrix, oracle: Sequence[Sequence[int]]
) -> None:
    """Fill at the first time; then search all, and a tenth by a filter."""
    fingerprint = Fingerprint("drawn", "", "", stored.shape[1])
    path = str(folder / "drawn.db")
    fresh = not Path(path).exists()
    store = MilvusStore.open(path, image=fingerprint, text=fingerprint, flat_limit=flat_limit)
    if fresh:
        for start in range(0, len(stored), BATCH):
            store.upsert([row(n, stored[n]) for n in range(start, min(start + BATCH, len(stored)))])
    places = {row(n, stored[n]).item.id: n for n in range(len(stored))}

    def search(query: Vector, k: int) -> list[int]:
        return [places[i] for i, _ in store.search(SCOPE, "image", "image", query, limit=k)]

    tenth = AllOf((Where("page", "eq", 0),))

    def filtered(query: Vector, k: int) -> list[int]:
        found = store.search(SCOPE, "image", "image", query, limit=k, where=tenth)
        return [places[i] for i, _ in found]

    report(name, search, queries, oracle)
    own = np.arange(0, len(stored), 10)
    exact = [
        own[np.argsort(-(stored[own] @ query), kind="stable")[: max(CUTOFFS)]].tolist() for query in queries
    ]
    report(f"{name}, a tenth by a filter", filtered, queries, exact)
    store.close()


def row(n: int, vector: Vector) -> Row:
    sha = f"{n:064x}"
    return Row(
        Item(item_id(SCOPE, sha), SCOPE.tenant, "drawn", sha, (f"{n}.jpg",), page=n % 10), image_vector=vector
    )


def report(name: str, search: Search, queries: Matrix, oracle: Sequence[Sequence[int]]) -> None:
    recalls: dict[int, list[float]] = {k: [] for k in CUTOFFS}
    took: list[float] = []
    for query, right in zip(queries, oracle, strict=True):
        for k in CUTOFFS:
            began = time.perf_counter()
            found = search(query, k)
            if k == CUTOFFS[0]:
                took.append(1e3 * (time.perf_counter() - began))
            recalls[k].append(len(set(found) & set(list(right)[:k])) / k)
    told = "  ".join(f"recall@{k} {np.mean(values):.4f}" for k, values in recalls.items())
    print(f"{name:44} {told}  {np.median(took):6.2f} ms", flush=True)


if __name__ == "__main__":
    main()
