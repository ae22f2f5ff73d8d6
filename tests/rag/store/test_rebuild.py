"""Rebuilding: the collections in use are read until the new ones are whole; the move is all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymilvus import MilvusClient

from rag.errors import Conflict, FingerprintMismatch, StoreUnavailable
from rag.store import MilvusStore, Rebuild, moving
from rag.store.connection import Connection
from rag.types import Fingerprint, Kind, Row, Scope

from .conftest import IMAGE, TEXT, MakeRow, unit

Open = Callable[..., MilvusStore]
OpenRebuild = Callable[..., Rebuild]
WIDER = Fingerprint("wider", "w9", "p9", 24)
KINDS: tuple[Kind, ...] = ("image", "passage")


@pytest.fixture
def open_rebuild(tmp_path: Path) -> Iterator[OpenRebuild]:
    """Opens a rebuild of the test's own file; for a wider image encoder unless told otherwise."""
    opened: list[Rebuild] = []

    def open_(image: Fingerprint = WIDER, text: Fingerprint = TEXT) -> Rebuild:
        opened.append(Rebuild.open(str(tmp_path / "m.db"), image=image, text=text))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


@pytest.fixture
def filled(open_file: Open, make_row: MakeRow) -> list[Row]:
    """Rows of two tenants, some without one vector or both, and a passage; the store is closed again."""
    rows = [make_row(f"r{n:03}", caption=f"caption {n}", metadata={"n": n}) for n in range(20)]
    rows[3] = replace(rows[3], caption_vector=None)
    rows += [replace(make_row("bare"), image_vector=None, caption_vector=None)]
    rows += [make_row("other", tenant="another", collection="c")]
    rows += [make_row("text", kind="passage", text="a passage", image=None)]
    store = open_file()
    store.upsert(rows)
    store.close()
    return rows


def wider(rows: list[Row]) -> list[Row]:
    rng = np.random.default_rng(1)
    return [row if row.image_vector is None else replace(row, image_vector=unit(rng, 24)) for row in rows]


def physical(tmp_path: Path) -> list[str]:
    connection = Connection(str(tmp_path / "m.db"))
    names = sorted(connection.client.list_collections())
    connection.close()
    return names


def check_moved(open_file: Open, rows: list[Row], scope: Scope, tmp_path: Path) -> None:
    assert physical(tmp_path) == ["images_2", "passages_2"]
    with pytest.raises(FingerprintMismatch, match="olhar reindex"):
        open_file()
    store = open_file(image=WIDER)
    for row in rows:
        own = Scope(row.item.tenant, row.item.collection)
        (found,) = store.rows(own, row.item.kind, [row.item.id])
        assert found.item == row.item
        for given, stored in (
            (row.image_vector, found.image_vector),
            (row.caption_vector, found.caption_vector),
        ):
            assert (given is None) == (stored is None)
            if given is not None and stored is not None:
                np.testing.assert_allclose(stored, given, atol=1e-6)
    assert store.count(scope, "image") == 21
    query = rows[7].image_vector
    assert query is not None
    assert store.search(scope, "image", "image", query, limit=1)[0][0] == "r007"
    assert store.search(scope, "image", "bm25", "caption 7", limit=1)[0][0] == "r007"
    store.upsert([rows[0]])
    store.close()


def test_everything_is_taken_over_and_the_old_collections_go(
    open_file: Open, open_rebuild: OpenRebuild, filled: list[Row], scope: Scope, tmp_path: Path
) -> None:
    rebuild = open_rebuild()
    assert rebuild.needed
    assert (rebuild.keeps("image"), rebuild.keeps("caption")) == (False, True)
    assert [rebuild.count(kind) for kind in KINDS] == [22, 1]
    pages = [page for kind in KINDS for page in rebuild.pages(kind, 5)]
    assert max(len(page) for page in pages) == 5
    pairs = [pair for page in pages for pair in page]
    assert sorted(old.item.id for old, _ in pairs) == sorted(row.item.id for row in filled)
    assert all(new is None for _, new in pairs)
    rebuild.write(rows := wider(filled))
    rebuild.move()
    rebuild.close()
    check_moved(open_file, rows, scope, tmp_path)


def test_until_the_move_the_old_encoder_reads_and_the_new_one_is_refused(
    open_file: Open, open_rebuild: OpenRebuild, filled: list[Row], scope: Scope
) -> None:
    rebuild = open_rebuild()
    rebuild.write(wider(filled)[:10])
    # In the same process the file has one owner, so this reads while the rebuild is open.
    store = open_file()
    assert store.count(scope, "image") == 21
    query = filled[7].image_vector
    assert query is not None
    assert store.search(scope, "image", "image", query, limit=1)[0][0] == "r007"
    with pytest.raises(FingerprintMismatch, match="olhar reindex"):
        open_file(image=WIDER)


def test_a_move_is_refused_until_every_item_is_there_as_it_is(
    open_file: Open, open_rebuild: OpenRebuild, filled: list[Row], scope: Scope, tmp_path: Path
) -> None:
    rebuild = open_rebuild()
    rows = wider(filled)
    rebuild.write(rows[1:])
    with pytest.raises(Conflict, match="by 1 images and 0 passages"):
        rebuild.move()
    rebuild.write(rows)
    store = open_file()
    changed = replace(filled[2].item, caption="another")
    store.upsert([replace(filled[2], item=changed)])
    with pytest.raises(Conflict, match="`olhar reindex` again"):
        rebuild.move()
    rows[2] = replace(rows[2], item=changed)
    rebuild.write(rows)
    store.delete(scope, "image", ["r000"])
    store.upsert([filled[0]])
    store.close()
    rebuild.move()
    rebuild.close()
    check_moved(open_file, rows, scope, tmp_path)


def test_what_was_deleted_meanwhile_does_not_come_back(
    open_file: Open, open_rebuild: OpenRebuild, filled: list[Row], scope: Scope
) -> None:
    rebuild = open_rebuild()
    rebuild.write(wider(filled))
    store = open_file()
    store.delete(scope, "image", ["r005"])
    store.close()
    rebuild.move()
    rebuild.close()
    moved = open_file(image=WIDER)
    assert moved.get(scope, "image", ["r005"]) == []
    assert moved.count(scope, "image") == 20


@pytest.mark.parametrize("broken", ["settle", "alter_alias", "drop_collection"])
def test_a_move_cut_short_is_finished_by_the_next_opening(
    broken: str,
    open_file: Open,
    open_rebuild: OpenRebuild,
    filled: list[Row],
    scope: Scope,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rebuild = open_rebuild()
    rebuild.write(rows := wider(filled))
    with monkeypatch.context() as patch:
        real = getattr(MilvusClient, broken, None)
        calls: list[str] = []

        def once(*arguments: object, **options: object) -> object:
            """The first call goes through, then the power fails."""
            calls.append(broken)
            if real is None or len(calls) > 1:
                raise StoreUnavailable("cut short")
            return real(*arguments, **options)

        patch.setattr(moving if real is None else MilvusClient, broken, once)
        with pytest.raises(StoreUnavailable, match="cut short"):
            rebuild.move()
    rebuild.close()
    open_file(image=WIDER).close()
    check_moved(open_file, rows, scope, tmp_path)


def test_the_same_encoders_go_on_and_others_start_anew(
    open_rebuild: OpenRebuild, filled: list[Row], tmp_path: Path
) -> None:
    rebuild = open_rebuild()
    rebuild.write(rows := wider(filled)[:10])
    rebuild.close()
    again = open_rebuild()
    written = [new for page in again.pages("image", 7) for _, new in page if new is not None]
    assert [row.item for row in written] == [row.item for row in rows]
    again.close()
    other = open_rebuild(image=replace(WIDER, weights="w10"))
    assert all(new is None for page in other.pages("image", 7) for _, new in page)
    other.close()
    assert physical(tmp_path) == ["images_1", "images_2", "passages_1", "passages_2"]


def test_with_the_encoders_in_use_nothing_is_needed_and_leftovers_go(
    open_file: Open, open_rebuild: OpenRebuild, filled: list[Row], tmp_path: Path
) -> None:
    begun = open_rebuild()
    begun.write(wider(filled))
    begun.close()
    rebuild = open_rebuild(image=IMAGE)
    assert not rebuild.needed
    rebuild.close()
    assert physical(tmp_path) == ["images_1", "passages_1"]
    assert open_file().count(Scope("another", "c"), "image") == 1


def test_a_second_rebuild_follows_the_first(
    open_file: Open, open_rebuild: OpenRebuild, filled: list[Row], scope: Scope, tmp_path: Path
) -> None:
    for image, rows in ((WIDER, wider(filled)), (IMAGE, filled)):
        rebuild = open_rebuild(image=image)
        rebuild.write(rows)
        rebuild.move()
        rebuild.close()
    assert physical(tmp_path) == ["images_3", "passages_3"]
    assert open_file().count(scope, "image") == 21


def test_an_empty_or_new_store_is_moved_or_left(open_file: Open, open_rebuild: OpenRebuild) -> None:
    assert not open_rebuild().needed
    open_file().close()
    rebuild = open_rebuild()
    assert rebuild.needed
    rebuild.move()
    rebuild.close()
    open_file(image=WIDER)


def test_a_first_opening_cut_short_is_no_obstacle(
    open_file: Open, open_rebuild: OpenRebuild, tmp_path: Path
) -> None:
    open_file().close()
    connection = Connection(str(tmp_path / "m.db"))
    connection.client.drop_alias("passages")
    connection.client.drop_collection("passages_1")
    connection.close()
    rebuild = open_rebuild()
    rebuild.move()
    rebuild.close()
    open_file(image=WIDER)


def test_a_collection_of_somebody_else_is_refused(
    open_file: Open, open_rebuild: OpenRebuild, tmp_path: Path
) -> None:
    open_file().close()
    connection = Connection(str(tmp_path / "m.db"))
    connection.client.drop_alias("images")
    connection.client.create_collection("theirs", dimension=4)
    connection.client.create_alias("theirs", "images")
    connection.close()
    with pytest.raises(Conflict, match="theirs was not made by Olhar"):
        open_rebuild()


def test_rows_kept_by_an_alias_that_moved_are_forgotten(
    open_file: Open, open_rebuild: OpenRebuild, scope: Scope, make_row: MakeRow
) -> None:
    store = open_file()
    store.upsert([row := make_row("a", caption="before")])
    rebuild = open_rebuild()
    rebuild.write([replace(row, image_vector=np.ones(24, np.float32))])
    (read,) = store.rows(scope, "image", ["a"])
    assert read.image_vector is not None
    assert read.image_vector.shape == (16,)
    rebuild.move()
    (read,) = store.rows(scope, "image", ["a"])
    assert read.image_vector is not None
    assert read.image_vector.shape == (24,)
    rebuild.close()
