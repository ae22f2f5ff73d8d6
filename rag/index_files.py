"""The vectors of a collection as a FAISS index in a folder that needs no Olhar to be read.

HNSW (Malkov and Yashunin 2018) over normalised vectors, scored by inner product, which is then the cosine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from rag.errors import InvalidInput, Unavailable
from rag.protocols import Store
from rag.types import Fingerprint, Item, Kind, Matrix, Row, Scope

INDEX: Final = "index.faiss"
ITEMS: Final = "items.jsonl"
TOLD: Final = "index.json"
LINKS: Final = 32
"""M: links of each vector in each layer."""
BREADTH: Final = 40
"""efConstruction: vectors that are looked at for each that is added."""
SEARCHED: Final = 64
"""efSearch that the file comes with; a reader may set another."""
PAGE: Final = 200

Side = Literal["image", "caption"]


@dataclass(frozen=True, slots=True)
class Written:
    """What ``index.json`` says. ``fingerprint``: of the encoder; what another encoded is no query for it.

    ``sha256``: of the two files beside it.
    """

    collection: str
    leg: Side
    kind: Kind
    count: int
    dimension: int
    metric: str
    m: int
    ef_construction: int
    ef_search: int
    fingerprint: dict[str, Any]
    sha256: dict[str, str]


def write_index(
    store: Store,
    scope: Scope,
    fingerprint: Fingerprint,
    out: Path,
    *,
    leg: Side = "image",
    kind: Kind = "image",
    m: int = LINKS,
    ef_construction: int = BREADTH,
) -> Written:
    """Write ``index.faiss``, ``items.jsonl`` and ``index.json`` into the folder ``out``, whole or not at all.

    The n-th vector of the index is of the n-th line of the items. Raises InvalidInput when ``out`` holds
    something or there is nothing to write, and Unavailable when faiss is not installed.
    """
    faiss = _faiss()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidInput(f"{out} is there and not empty; name a new folder")
    draft = out.with_name(f"{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        index = faiss.IndexHNSWFlat(fingerprint.dimension, m, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = ef_construction, SEARCHED
        with (draft / ITEMS).open("w", encoding="utf-8") as lines:
            for page in _pages(store, scope, kind, leg):
                index.add(_matrix(page, leg))
                lines.writelines(_line(row.item) for row in page)
        if not index.ntotal:
            raise InvalidInput(
                f"the collection {scope.collection!r} has no {leg} vectors: nothing is written"
            )
        faiss.write_index(index, str(draft / INDEX))
        written = Written(
            collection=scope.collection or "",
            leg=leg,
            kind=kind,
            count=index.ntotal,
            dimension=fingerprint.dimension,
            metric="inner product",
            m=m,
            ef_construction=ef_construction,
            ef_search=SEARCHED,
            fingerprint=asdict(fingerprint),
            sha256={name: _digest(draft / name) for name in (INDEX, ITEMS)},
        )
        (draft / TOLD).write_text(json.dumps(asdict(written), indent=1), "utf-8")
        with suppress(FileNotFoundError):
            out.rmdir()
        os.replace(draft, out)
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return written


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise Unavailable("faiss is not installed: pip install 'olhar[faiss]'") from None
    return faiss


def _pages(store: Store, scope: Scope, kind: Kind, leg: Side) -> Iterator[list[Row]]:
    """Rows that have the vector, in the order of their ids."""
    last = ""
    while page := store.scan(scope, kind, after=last, limit=PAGE):
        last = page[-1].id
        rows = store.rows(scope, kind, [item.id for item in page])
        if found := [row for row in rows if _vector(row, leg) is not None]:
            yield found


def _matrix(rows: list[Row], leg: Side) -> Matrix:
    found = [vector for row in rows if (vector := _vector(row, leg)) is not None]
    matrix = np.stack(found).astype(np.float32)
    return np.ascontiguousarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


def _vector(row: Row, leg: Side) -> Any:
    return row.image_vector if leg == "image" else row.caption_vector


def _line(item: Item) -> str:
    told = {"id": item.id, "source": item.source, "caption": item.caption or item.text}
    return json.dumps(told) + "\n"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
