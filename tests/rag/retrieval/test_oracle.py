"""Every way to search finds what plain Python finds over the same rows, whatever the rows and the filter.

More examples: ``ORACLE_EXAMPLES=1000 pytest tests/rag/retrieval/test_oracle.py``.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.protocols import Store
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import (
    Calibration,
    Filter,
    Hit,
    Item,
    Kind,
    LegWeights,
    Query,
    Row,
    Scope,
    SearchOptions,
    Vector,
)
from tests.milvus_server import patiently, serving
from tests.rag.retrieval.conftest import WORDS, ToyEncoder, colour
from tests.rag.store.test_filters import holds, items, trees

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "12"))
TOY = ToyEncoder()
CALIBRATION = Calibration(
    full=LegWeights(-3, image=6, caption=5, bm25=1),
    image_only=LegWeights(-4, image=7),
    text_only=LegWeights(-2, caption=4, bm25=2),
    image_query=LegWeights(-5, image=9),
)
KINDS: tuple[Kind, ...] = ("image", "passage")
EVERYTHING = 1000

said = st.lists(st.sampled_from(WORDS[:7]), max_size=4).map(" ".join)
shades = st.tuples(*[st.integers(1, 255)] * 3)


@dataclass(frozen=True)
class Drawn:
    """An item to be: ``shade`` of its picture; ``worded`` says whether its caption has a vector."""

    fields: dict[str, Any]
    kind: Kind
    caption: str
    ocr: str
    shade: tuple[int, int, int] | None
    worded: bool
    phash: str
    parent: str


drawn = st.builds(
    Drawn,
    fields=items,
    kind=st.sampled_from(KINDS),
    caption=said,
    ocr=said,
    shade=st.none() | shades,
    worded=st.booleans(),
    phash=st.sampled_from(["", "0" * 16, "f" * 16, "f" * 15 + "e", "0" * 8 + "f" * 8, "3" * 16]),
    parent=st.sampled_from(["", "", "book", "leaflet"]),
)


@dataclass(frozen=True)
class Asked:
    text: str
    shades: list[tuple[int, int, int]]
    like: list[int]
    """Places among the rows."""
    negative: list[str]
    where: Filter | None
    group: Any
    diversity: float
    pages: list[int]


asked = st.builds(
    Asked,
    text=said,
    shades=st.lists(shades, max_size=2),
    like=st.lists(st.integers(0, 30), max_size=2),
    negative=st.lists(said, max_size=2),
    where=st.none() | trees,
    group=st.sampled_from(["none", "duplicates", "document", "all"]),
    diversity=st.sampled_from([0.0, 0.0, 0.4, 1.0]),
    pages=st.lists(st.integers(1, 7), min_size=1, max_size=2),
)


@pytest.fixture(scope="module", params=["file", "server"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A Milvus Lite file, and a server by its URI."""
    folder = tmp_path_factory.mktemp("oracle")
    if request.param == "file":
        store = MilvusStore.open(str(folder / "m.db"), image=TOY.fingerprint, text=TOY.fingerprint)
        yield store
        store.close()
    else:
        with serving(folder) as uri:
            store = patiently(uri, TOY.fingerprint, TOY.fingerprint)
            yield store
            store.close()


examples = itertools.count()


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(of_ours=st.lists(drawn, min_size=1, max_size=14), question=asked)
def test_every_path_finds_what_plain_python_finds(
    either: Store, of_ours: list[Drawn], question: Asked
) -> None:
    number = next(examples)
    scope, stranger = Scope(f"ours{number}", "c"), Scope(f"theirs{number}", "c")
    rows = [made(scope, n, one) for n, one in enumerate(of_ours)]
    either.upsert([*rows, *(made(stranger, n, one) for n, one in enumerate(of_ours))])
    fitting = [row for row in rows if fits(question.where, row)]
    for kind in KINDS:
        check_store(either, scope, kind, [r for r in rows if r.item.kind == kind], question)
    check_search(either, scope, rows, fitting, question)


def made(scope: Scope, number: int, one: Drawn) -> Row:
    item = Item(
        **one.fields | {"caption": one.caption},
        id=f"{scope.tenant}-{number:02}",
        tenant=scope.tenant,
        collection="c",
        content_hash="h",
        sources=("s",),
        kind=one.kind,
        ocr=one.ocr,
        phash=one.phash,
        parent_id=one.parent,
    )
    image = None
    if one.shade is not None and one.kind == "image":
        image = TOY.encode_images([colour(*one.shade)])[0]
    return Row(item, image, TOY.encode_documents([one.caption])[0] if one.worded else None)


def fits(where: Filter | None, row: Row) -> bool:
    return where is None or bool(holds(where, row.item, has_image=row.image_vector is not None))


def check_store(store: Store, scope: Scope, kind: Kind, rows: Sequence[Row], question: Asked) -> None:
    fitting = [row for row in rows if fits(question.where, row)]
    ids = [row.item.id for row in fitting]
    every = [
        f"{tenant}-{n:02}"
        for tenant in (scope.tenant, scope.tenant.replace("ours", "theirs"))
        for n in range(14)
    ]
    assert [i.id for i in store.scan(scope, kind, where=question.where)] == ids
    assert store.count(scope, kind, question.where) == len(ids)
    assert store.get(scope, kind, every) == [row.item for row in rows]
    assert [row.item for row in store.rows(scope, kind, every)] == [row.item for row in rows]
    vector = TOY.encode_text_queries([question.text])[0]
    for leg in ("image", "caption"):
        expected = {r.item.id: float(v @ vector) for r in fitting if (v := vector_of(r, leg)) is not None}
        for among in (None, every):
            found = store.search(scope, kind, leg, vector, limit=50, where=question.where, ids=among)
            assert dict(found) == pytest.approx(expected, abs=1e-5)
            assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    if question.text:
        words = set(question.text.split())
        found = store.search(scope, kind, "bm25", question.text, limit=50, where=question.where)
        assert {item_id for item_id, _ in found} == {r.item.id for r in fitting if words & words_of(r)}


def check_search(
    store: Store, scope: Scope, rows: Sequence[Row], fitting: Sequence[Row], question: Asked
) -> None:
    liked = [rows[n % len(rows)] for n in question.like]
    liked = [row for row in liked if row.image_vector is not None or row.caption_vector is not None]
    query = Query(
        question.text,
        images=tuple(colour(*shade) for shade in question.shades),
        like=tuple(row.item.id for row in liked),
        negative=tuple(filter(None, question.negative)),
    )
    if not (query.text or query.images or query.like):
        return
    expected = {row.item.id: s for row in fitting if (s := score(row, query, liked)) is not None}
    deep = Retriever(store, TOY, TOY, CALIBRATION, candidates=50)
    options = SearchOptions(group="none")
    hits = deep.search(scope, query, limit=EVERYTHING, where=question.where, listing=options).hits
    assert {hit.item.id: hit.score for hit in hits} == pytest.approx(expected, abs=1e-4)
    assert all(hit.item.tenant == scope.tenant for hit in hits)
    assert [(-hit.score, hit.item.id) for hit in hits] == sorted((-hit.score, hit.item.id) for hit in hits)
    grouping = SearchOptions(group=question.group)
    listed = deep.search(scope, query, limit=EVERYTHING, where=question.where, listing=grouping).hits
    assert [(h.item.id, h.duplicates, h.more_parts) for h in listed] == grouped(hits, question.group)
    shallow = Retriever(store, TOY, TOY, CALIBRATION, candidates=2)
    check_pages(shallow, scope, query, question, {hit.item.id for hit in hits})


def check_pages(retriever: Retriever, scope: Scope, query: Query, question: Asked, all_ids: set[str]) -> None:
    """Pages of any size, by offset or cursor, make one page; with few candidates nothing is missed."""
    listing = SearchOptions(question.group, question.diversity)
    whole = retriever.search(scope, query, limit=EVERYTHING, where=question.where, listing=listing).hits
    assert question.group != "none" or {hit.item.id for hit in whole} == all_ids
    by_offset, by_cursor, cursor = list[Hit](), list[Hit](), ""
    for size in [*question.pages, EVERYTHING - sum(question.pages)]:
        page = replace(listing, offset=len(by_offset))
        by_offset += retriever.search(scope, query, limit=size, where=question.where, listing=page).hits
        if cursor or not by_cursor:
            page = replace(listing, cursor=cursor)
            found = retriever.search(scope, query, limit=size, where=question.where, listing=page)
            by_cursor, cursor = [*by_cursor, *found.hits], found.next
    assert by_offset == by_cursor == list(whole)


def vector_of(row: Row, leg: str) -> Vector | None:
    return row.image_vector if leg == "image" else row.caption_vector


def words_of(row: Row) -> set[str]:
    return {*row.item.caption.split(), *row.item.ocr.split(), *row.item.tags}


def score(row: Row, query: Query, liked: Sequence[Row]) -> float | None:
    """What fusion says, in plain Python; None where no leg of the query finds the row."""
    if row.item.id in query.like:
        return None
    pictures = [TOY.encode_image_queries([image])[0] for image in query.images]
    pictures += [one.image_vector for one in liked if one.image_vector is not None]
    captions = [one.caption_vector for one in liked if one.caption_vector is not None]
    parts, found = [], False
    if query.text:
        parts.append(by_text(row, query.text))
        found = bool(set(query.text.split()) & words_of(row)) or row.image_vector is not None
        found = found or row.caption_vector is not None
    if pictures and row.image_vector is not None:
        mean = sum(float(row.image_vector @ picture) for picture in pictures) / len(pictures)
        parts.append(-5 + 9 * mean)
        found = True
    if captions and row.caption_vector is not None:
        parts.append(-2 + 4 * sum(float(row.caption_vector @ one) for one in captions) / len(captions))
        found = True
    known = [part for part in parts if part is not None]
    if not found or not known:
        return None
    return sum(known) / len(known) - sum(0.7 * against(row, text) for text in query.negative)


def by_text(row: Row, text: str) -> float | None:
    weights, scores = legs(row, text)
    return None if weights is None else weights.bias + gained(weights, scores)


def against(row: Row, text: str) -> float:
    weights, scores = legs(row, text)
    return 0.0 if weights is None else max(0.0, gained(weights, scores))


def gained(weights: LegWeights, scores: tuple[float, float, float]) -> float:
    image, caption, bm25 = scores
    return weights.image * image + weights.caption * caption + weights.bm25 * bm25


def legs(row: Row, text: str) -> tuple[LegWeights | None, tuple[float, float, float]]:
    asked_for, vector = set(text.split()), TOY.encode_text_queries([text])[0]
    figure = bool(row.item.parent_id) and row.caption_vector is not None
    image = None if row.image_vector is None or figure else float(row.image_vector @ vector)
    caption = None if row.caption_vector is None else float(row.caption_vector @ vector)
    told = " ".join((row.item.caption, row.item.ocr, row.item.text, *row.item.tags)).strip()
    bm25 = len(asked_for & words_of(row)) / len(asked_for) if told else None
    scores = (image or 0.0, caption or 0.0, bm25 or 0.0)
    if image is None and caption is None and bm25 is None:
        return None, scores
    if image is None:
        return CALIBRATION.text_only, scores
    return (CALIBRATION.image_only if caption is None else CALIBRATION.full), scores


def grouped(hits: Sequence[Hit], group: str) -> list[tuple[str, int, int]]:
    heads: list[tuple[Hit, list[int]]] = []
    for hit in hits:
        alike = next((h for h in heads if group in ("duplicates", "all") and near(h[0], hit)), None)
        of_it = next((h for h in heads if group in ("document", "all") and whole(h[0]) == whole(hit)), None)
        if alike is not None:
            alike[1][0] += 1
        elif of_it is not None:
            of_it[1][1] += 1
        else:
            heads.append((hit, [0, 0]))
    return [(hit.item.id, *counts) for hit, counts in heads]  # type: ignore[misc]  # two counts


def near(one: Hit, other: Hit) -> bool:
    a, b = one.item.phash, other.item.phash
    return bool(a.strip("0") and b.strip("0")) and (int(a, 16) ^ int(b, 16)).bit_count() <= 6


def whole(hit: Hit) -> str:
    return hit.item.parent_id or hit.item.id


def test_the_oracle_is_no_echo() -> None:
    """It tells a good item from a bad one."""
    scope = Scope("t", "c")
    good, bad = (Drawn({"taken_at": 0}, "image", word, "", None, True, "", "") for word in ("red", "blue"))
    scores = [score(made(scope, 0, one), Query("red"), []) for one in (good, bad)]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0] - scores[1] > 1
    assert math.isclose(scores[0], -2 + 4 + 2, abs_tol=1e-5)
    np.testing.assert_allclose(gained(CALIBRATION.full, (1, 1, 1)), 12)
