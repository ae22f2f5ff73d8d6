"""What every store promises, on a Milvus Lite file and on a server by its URI."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import InvalidInput
from rag.protocols import Store
from rag.types import AllOf, CollectionInfo, Item, Kind, Leg, Not, Row, Scope, Vector, Where

MakeRow = Callable[..., Row]

QUERY = np.full(16, 0.25, dtype=np.float32)
WORDS = np.full(8, math.sqrt(1 / 8), dtype=np.float32)
HOSTILE = (
    'a" or 1==1 or id != "',
    "back\\slash\\",
    "new\nline\r\ttab",
    "quo'te",
    '"',
    "\\",
    "ünï – 東京 🐈",
    "%_",
    "null",
    "\x00\x1f\u2028",
)


def ids_of(items: list[Item]) -> list[str]:
    return [item.id for item in items]


def test_rows_come_back_as_they_were_written(store: Store, scope: Scope, make_row: MakeRow) -> None:
    metadata = {"n": 1, "x": 1.5, "deep": {'é"\\\n': [1, "two", None, True]}, "big": 2**53 + 1}
    full = make_row(
        f"{scope.tenant}-1",
        sources=("b.jpg", 'c"\\\n.jpg'),
        modality="page",
        part="page:3",
        parent_id="mother",
        page=3,
        caption="Um elétrico em São Paulo\n",
        ocr="STOP",
        text="text",
        tags=("tram", "rua"),
        phash="ffff",
        taken_at=-5,
        created_at=1_700_000_000,
        updated_at=1_700_000_001,
        metadata=metadata,
    )
    store.upsert([full])
    (row,) = store.rows(scope, "image", [full.item.id])
    assert row.item == full.item
    assert row.image_vector is not None
    assert row.caption_vector is not None
    assert full.image_vector is not None
    np.testing.assert_allclose(row.image_vector, full.image_vector, rtol=1e-6)
    assert store.get(scope, "image", [full.item.id]) == [full.item]
    assert store.get(scope, "passage", [full.item.id]) == []


def test_hostile_strings_are_stored_found_and_deleted_as_data(
    store: Store, scope: Scope, make_row: MakeRow
) -> None:
    rows = [
        make_row(f"{scope.tenant}{text}", caption=text, tags=(text,), metadata={text: text})
        for text in HOSTILE
    ]
    store.upsert(rows)
    for row, text in zip(rows, HOSTILE, strict=True):
        for where in (
            Where("caption", "eq", text),
            Where("caption", "in", [text]),
            Where("tags", "contains", text),
            Where(f"metadata.{text}", "eq", text),
            Where("id", "eq", row.item.id),
        ):
            assert ids_of(store.scan(scope, "image", where=where)) == [row.item.id]
        assert store.get(scope, "image", [row.item.id]) == [row.item]
    for row in rows:
        assert store.delete(scope, "image", [row.item.id]) == 1
    assert store.count(scope, "image") == 0


@pytest.fixture(scope="module")
def gallery(store: Store) -> tuple[Scope, list[Row]]:
    """1,200 rows of 200 pages; every third without a caption vector, every fifth without an image one."""
    rng = np.random.default_rng(3)
    scope = Scope("gallery", "photos")
    rows = [
        Row(
            Item(f"g{n:04}", "gallery", "photos", "h", ("s",), page=n % 200, metadata={"n": n}),
            None if n % 5 == 0 else unit(rng, 16),
            None if n % 3 == 0 else unit(rng, 8),
        )
        for n in range(1200)
    ]
    store.upsert(rows)
    return scope, rows


def unit(rng: np.random.Generator, size: int) -> Vector:
    vector = rng.normal(size=size).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def best(rows: list[Row], leg: Leg, query: Vector, limit: int) -> list[tuple[str, float]]:
    """The oracle: cosines by brute force."""
    scored = []
    for row in rows:
        vector = row.image_vector if leg == "image" else row.caption_vector
        if vector is not None:
            scored.append((row.item.id, float(vector @ query)))
    return sorted(scored, key=lambda hit: -hit[1])[:limit]


@pytest.mark.parametrize(("leg", "query"), [("image", QUERY), ("caption", WORDS)])
@pytest.mark.parametrize("share", [1, 20, 200])
def test_filtered_recall_is_complete(
    store: Store, gallery: tuple[Scope, list[Row]], leg: Leg, query: Vector, share: int
) -> None:
    scope, rows = gallery
    where = Where("page", "in", [page for page in range(200) if page % share == 1 % share])
    expected = best([row for row in rows if row.item.page % share == 1 % share], leg, query, 20)
    found = store.search(scope, "image", leg, query, limit=20, where=where)
    assert [i for i, _ in found] == [i for i, _ in expected]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=1e-5)


@pytest.mark.parametrize(("leg", "query"), [("image", QUERY), ("caption", WORDS)])
def test_a_search_among_ids_scores_every_one_that_has_the_leg(
    store: Store, gallery: tuple[Scope, list[Row]], leg: Leg, query: Vector
) -> None:
    scope, rows = gallery
    chosen = rows[100:1180]
    expected = best(chosen, leg, query, 2000)
    ids = [row.item.id for row in chosen] + ["missing"]
    found = store.search(scope, "image", leg, query, limit=2000, ids=ids)
    assert len(found) == len(expected)
    np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=1e-5)
    assert store.search(scope, "image", leg, query, limit=3, ids=ids)[0][0] == expected[0][0]
    assert store.search(scope, "image", leg, query, limit=3, ids=[]) == []


def test_items_without_a_vector_are_never_hits(
    store: Store, gallery: tuple[Scope, list[Row]], make_row: MakeRow, scope: Scope
) -> None:
    everything, rows = gallery
    # A null vector would score 0 and so come before every negative cosine.
    found = store.search(everything, "image", "image", QUERY, limit=1200)
    assert {i for i, _ in found} == {r.item.id for r in rows if r.image_vector is not None}
    assert found[-1][1] < 0
    lonely = make_row(f"{scope.tenant}-1", image=None, words=None)
    store.upsert([lonely])
    assert store.search(scope, "image", "image", QUERY, limit=5) == []
    assert store.search(scope, "image", "caption", WORDS, limit=5) == []
    (row,) = store.rows(scope, "image", [lonely.item.id])
    assert row.image_vector is None
    assert row.caption_vector is None


def test_paging_gives_each_item_once_in_order_of_id(store: Store, scope: Scope, make_row: MakeRow) -> None:
    rng = np.random.default_rng(1)
    names = [f"{scope.tenant}-{n:04}" for n in rng.permutation(450)]
    for start in range(0, 450, 90):
        store.upsert([make_row(name) for name in names[start : start + 90]])
    store.upsert([make_row(name, caption="again") for name in names[::7]])
    seen: list[str] = []
    while page := store.scan(scope, "image", after=seen[-1] if seen else "", limit=64):
        assert len(page) <= 64
        seen += ids_of(page)
    assert seen == sorted(names)
    where = Where("caption", "eq", "again")
    assert (
        ids_of(store.scan(scope, "image", where=where, after=seen[200], limit=3))
        == [name for name in seen[201:] if name in set(names[::7])][:3]
    )
    assert store.count(scope, "image") == 450
    assert store.count(scope, "image", Not(where)) == 450 - len(names[::7])


def test_get_keeps_the_order_of_the_ids(store: Store, scope: Scope, make_row: MakeRow) -> None:
    names = [f"{scope.tenant}-{n:04}" for n in range(40)]
    store.upsert([make_row(name) for name in names])
    asked = [names[30], "missing", names[2], names[17], names[2]]
    assert ids_of(store.get(scope, "image", asked)) == [names[30], names[2], names[17]]
    # More ids than one filter takes.
    many = [f"missing{n}" for n in range(2500)]
    assert ids_of(store.get(scope, "image", [*many, names[0]])) == [names[0]]
    assert store.get(scope, "image", []) == []


def test_an_id_that_is_no_unicode_is_refused(store: Store, scope: Scope) -> None:
    for read in (store.get, store.rows):
        with pytest.raises(InvalidInput, match="not valid Unicode"):
            read(scope, "image", ["a", "\ud800"])


def test_an_upsert_replaces_the_whole_row(store: Store, scope: Scope, make_row: MakeRow) -> None:
    name = f"{scope.tenant}-1"
    store.upsert([make_row(name, caption="a cat", ocr="MIAU", tags=("pet",), metadata={"a": 1})])
    store.upsert([make_row(name, caption="lost"), make_row(name, caption="a bridge", image=None)])
    (row,) = store.rows(scope, "image", [name])
    assert (row.item.caption, row.item.ocr, row.item.tags, row.item.metadata) == ("a bridge", "", (), {})
    assert row.image_vector is None
    assert row.caption_vector is not None
    assert store.count(scope, "image") == 1
    assert store.search(scope, "image", "image", QUERY, limit=5) == []
    assert store.search(scope, "image", "bm25", "cat miau pet", limit=5) == []
    assert [i for i, _ in store.search(scope, "image", "bm25", "bridge", limit=5)] == [name]


def test_deleting_says_how_many_were_there(store: Store, scope: Scope, make_row: MakeRow) -> None:
    names = [f"{scope.tenant}-{n}" for n in range(5)]
    store.upsert([make_row(name, caption="a bridge") for name in names])
    assert store.delete(scope, "image", [*names[:3], names[0], "missing"]) == 3
    assert store.delete(scope, "image", names[:3]) == 0
    assert ids_of(store.scan(scope, "image")) == names[3:]
    assert {i for i, _ in store.search(scope, "image", "image", QUERY, limit=9)} == set(names[3:])
    assert {i for i, _ in store.search(scope, "image", "bm25", "bridge", limit=9)} == set(names[3:])
    store.upsert([make_row(names[0])])
    assert store.count(scope, "image") == 3


@pytest.mark.parametrize(
    ("caption", "query"),
    [
        ("Avenida em São Paulo", "sao paulo"),
        ("avenida em sao paulo", "São PAULO"),
        ("STRASSE mit Öl", "straße ol"),
        ("東京タワーの夜景", "東京"),
        ("한국어 표지판", "표지판"),
        ("golden_retriever puppy", "Retriever"),
        ("кот и Ёлка", "елка"),
    ],
)
def test_bm25_finds_words_whatever_their_case_and_accents(
    store: Store, scope: Scope, make_row: MakeRow, caption: str, query: str
) -> None:
    name = f"{scope.tenant}-1"
    store.upsert([make_row(name, caption=caption), make_row(f"{scope.tenant}-2", caption="zebra")])
    found = store.search(scope, "image", "bm25", query, limit=5)
    assert [i for i, _ in found] == [name]
    assert found[0][1] > 0


def test_bm25_reads_caption_ocr_tags_and_text_and_prefers_the_better_match(
    store: Store, scope: Scope, make_row: MakeRow
) -> None:
    one, two, three, four = (f"{scope.tenant}-{n}" for n in range(4))
    store.upsert(
        [
            make_row(one, caption="tram harbour"),
            make_row(two, ocr="a tram passes along the wide street near the old market square today"),
            make_row(three, tags=("tram",), text="harbour harbour tram tram"),
            make_row(four),
        ]
    )
    found = store.search(scope, "image", "bm25", "the tram, harbour?", limit=5)
    assert {i for i, _ in found} == {one, two, three}
    assert found[-1][0] == two
    assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)
    assert found[-1][1] > 0
    assert [i for i, _ in store.search(scope, "image", "bm25", "the", limit=5)] == [two]
    among = store.search(scope, "image", "bm25", "tram", limit=5, ids=[two, four])
    assert [i for i, _ in among] == [two]
    for nothing in ("", "?!", "…", "giraffe"):
        assert store.search(scope, "image", "bm25", nothing, limit=5) == []


BAD_VECTORS: dict[str, Any] = {
    "NaN": np.array([np.nan] + [0.0] * 15, dtype=np.float32),
    "infinity": np.array([np.inf] + [0.0] * 15, dtype=np.float32),
    "zero": np.zeros(16, dtype=np.float32),
    "(17,)": np.ones(17, dtype=np.float32),
    "(1, 16)": np.ones((1, 16), dtype=np.float32),
    "int64": np.ones(16, dtype=np.int64),
}


@pytest.mark.parametrize("says", BAD_VECTORS)
def test_one_bad_vector_refuses_the_call_before_anything_is_written(
    store: Store, scope: Scope, make_row: MakeRow, says: str
) -> None:
    good = [make_row(f"{scope.tenant}-{n:04}") for n in range(600)]
    bad = make_row("the-bad-one", image=BAD_VECTORS[says])
    with pytest.raises(InvalidInput, match="the-bad-one") as caught:
        store.upsert([*good, bad])
    assert says in str(caught.value)
    assert store.count(scope, "image") == 0
    with pytest.raises(InvalidInput, match="query"):
        store.search(scope, "image", "image", BAD_VECTORS[says], limit=1)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"caption": "é" * 8193}, "16386 bytes; at most 16384"),
        ({"text": "x" * 65_536}, "65536 bytes; at most 65535"),
        ({"tags": ("x" * 513,)}, "tags takes 513 bytes; at most 512"),
        ({"caption": "\ud800"}, "not valid Unicode"),
        ({"metadata": {"a": float("nan")}}, "nan"),
        ({"metadata": {"a": 2**70}}, "64-bit"),
        ({"metadata": {"a": "x" * 65_535}}, "as JSON; at most 65535"),
        ({"page": 2**63}, "page"),
        ({"kind": "video"}, "image or passage"),
        ({"collection": ""}, "a tenant and a collection"),
    ],
)
def test_what_milvus_cannot_hold_is_refused_with_the_limit(
    store: Store, scope: Scope, make_row: MakeRow, fields: dict[str, Any], says: str
) -> None:
    good, bad = make_row(f"{scope.tenant}-1"), make_row("the-bad-one", **fields)
    with pytest.raises(InvalidInput, match="the-bad-one") as caught:
        store.upsert([good, bad])
    assert says in str(caught.value)
    assert store.count(scope, "image") == 0


def test_the_longest_texts_are_stored_whole(store: Store, scope: Scope, make_row: MakeRow) -> None:
    row = make_row(f"{scope.tenant}-1", caption="é" * 8192, text="語" * 21_845, ocr="x" * 65_535)
    store.upsert([row])
    assert store.get(scope, "image", [row.item.id]) == [row.item]


@pytest.mark.parametrize("limit", [0, -1, 16_385])
def test_limits_are_bounded(store: Store, scope: Scope, limit: int) -> None:
    with pytest.raises(InvalidInput, match="16384"):
        store.scan(scope, "image", limit=limit)
    with pytest.raises(InvalidInput, match="16384"):
        store.search(scope, "image", "bm25", "cat", limit=limit)


def test_collections_are_counted_by_kind(store: Store, scope: Scope, make_row: MakeRow) -> None:
    tenant = scope.tenant
    store.upsert(
        [make_row(f"{tenant}-{n}") for n in range(3)]
        + [make_row(f"{tenant}-b{n}", collection='b"') for n in range(2)]
        + [make_row(f"{tenant}-p{n}", collection='b"', kind="passage", image=None) for n in range(4)]
    )
    assert store.collections(tenant) == [CollectionInfo('b"', 2, 4), CollectionInfo("photos", 3, 0)]
    assert store.count(Scope(tenant), "image") == 5
    assert store.collections("nobody") == []


texts = st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=8).filter(lambda t: t.isprintable())
scopes = st.builds(Scope, texts, texts)
numbers = iter(range(10**9))


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(one=scopes, other=scopes, kind=st.sampled_from(["image", "passage"]))
def test_tenants_and_collections_never_meet(store: Store, one: Scope, other: Scope, kind: Kind) -> None:
    number = next(numbers)
    # The prefix keeps the examples apart.
    scopes = [Scope(f"{number}{s.tenant}", s.collection) for s in (one, other)]
    rows = {
        scope: Row(
            Item(f"iso{number}-{n}", scope.tenant, scope.collection or "", "h", ("s",), kind, caption="cat"),
            QUERY,
            WORDS,
        )
        for n, scope in enumerate(dict.fromkeys(scopes))
    }
    store.upsert(list(rows.values()))
    every = [row.item.id for row in rows.values()]
    for scope, row in rows.items():
        own = [row.item.id]
        assert ids_of(store.get(scope, kind, every)) == own
        assert [r.item.id for r in store.rows(scope, kind, every)] == own
        assert ids_of(store.scan(scope, kind)) == own
        assert ids_of(store.scan(scope, kind, where=Not(Where("id", "eq", "")))) == own
        assert store.count(scope, kind, AllOf(())) == 1
        for leg, query in (("image", QUERY), ("caption", WORDS), ("bm25", "cat")):
            assert [i for i, _ in store.search(scope, kind, leg, query, limit=9)] == own  # type: ignore[arg-type]  # the tuple widens the literals
            among = store.search(scope, kind, leg, query, limit=9, ids=every)  # type: ignore[arg-type]  # as above
            assert [i for i, _ in among] == own
        tenants = [r.item for r in rows.values() if r.item.tenant == scope.tenant]
        assert ids_of(store.scan(Scope(scope.tenant), kind)) == sorted(ids_of(tenants))
        assert {c.name for c in store.collections(scope.tenant)} == {i.collection for i in tenants}
        strangers = [i for i in every if i not in own]
        assert store.delete(scope, kind, strangers) == 0
    for scope, row in rows.items():
        assert store.get(scope, kind, every) == [row.item]


def test_an_id_cannot_be_taken_from_another_scope(store: Store, scope: Scope, make_row: MakeRow) -> None:
    name = f"{scope.tenant}-1"
    row = make_row(name, caption="mine")
    store.upsert([row])
    for fields in ({"tenant": "thief"}, {"collection": "elsewhere"}):
        stolen = make_row(name, **fields)
        with pytest.raises(InvalidInput, match=name):
            store.upsert([make_row(f"{scope.tenant}-2"), stolen])
        with pytest.raises(InvalidInput, match="new"):
            store.upsert([make_row("new"), make_row("new", **fields)])
    assert store.scan(scope, "image") == [row.item]


@pytest.mark.parametrize("bad", [Scope(""), Scope("t", "")])
def test_an_empty_scope_sees_nothing(store: Store, bad: Scope) -> None:
    with pytest.raises(InvalidInput, match="scope"):
        store.scan(bad, "image")
    with pytest.raises(InvalidInput, match="scope"):
        store.search(bad, "image", "image", QUERY, limit=1)


@pytest.mark.parametrize(("leg", "query"), [("image", "cat"), ("bm25", QUERY), ("ocr", "cat")])
def test_a_leg_wants_its_own_kind_of_query(store: Store, scope: Scope, leg: Leg, query: str | Vector) -> None:
    with pytest.raises(InvalidInput, match=leg):
        store.search(scope, "image", leg, query, limit=1)


def test_threads_read_what_was_acknowledged_while_others_write(
    store: Store, scope: Scope, make_row: MakeRow
) -> None:
    first = [make_row(f"{scope.tenant}-{n}", taken_at=0, caption="cat") for n in range(8)]
    gone = make_row(f"{scope.tenant}-gone", caption="cat")
    store.upsert([*first, gone])
    store.delete(scope, "image", [gone.item.id])
    acknowledged = dict.fromkeys((row.item.id for row in first), 0)
    finished, wrong = threading.Event(), list[str]()

    def write(rows: list[Row]) -> None:
        for version in range(1, 16):
            store.upsert([replace(r, item=replace(r.item, taken_at=version)) for r in rows])
            acknowledged.update(dict.fromkeys((r.item.id for r in rows), version))

    def read() -> None:
        while not finished.is_set():
            known = dict(acknowledged)
            found = {item.id: item.taken_at for item in store.get(scope, "image", list(known))}
            wrong.extend(i for i, version in known.items() if found.get(i, -1) < version)
            known = dict(acknowledged)
            rows = {row.item.id: row.item.taken_at for row in store.rows(scope, "image", list(known))}
            wrong.extend(i for i, version in known.items() if rows.get(i, -1) < version)
            hits = {i for i, _ in store.search(scope, "image", "image", QUERY, limit=20)}
            wrong.extend(known.keys() ^ hits)

    writers = [threading.Thread(target=write, args=(first[n::2],)) for n in range(2)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    finished.set()
    reader.join()
    assert wrong == []
