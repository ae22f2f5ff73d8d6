"""Rows are cut into batches that one message can carry, and BM25's text to what a field holds."""

from __future__ import annotations

from collections.abc import Callable

from rag.store.rows import BATCH_BYTES, BATCH_ROWS, batches, bm25_text, to_record
from rag.types import Leg, Row

SIZES: dict[Leg, int] = {"image": 16, "caption": 8}


def test_batches_keep_order_and_stay_within_their_bounds(make_row: Callable[..., Row]) -> None:
    small = [to_record(make_row(f"s{n}"), SIZES) for n in range(BATCH_ROWS + 1)]
    assert [len(batch) for batch in batches(small)] == [BATCH_ROWS, 1]
    large = [to_record(make_row(f"l{n}", text="x" * 65_000), SIZES) for n in range(200)]
    cut = list(batches(large))
    assert [record for batch in cut for record in batch] == large
    assert len(cut) > 1
    assert all(sum(len(r["text"]) + len(r["bm25_text"]) for r in batch) <= BATCH_BYTES for batch in cut)
    assert list(batches([])) == []


def test_the_text_for_bm25_is_folded_and_cut_between_characters(make_row: Callable[..., Row]) -> None:
    item = make_row("a", caption="São", tags=("Praia",), text="Mar", ocr="é語" * 20_000).item
    text = bm25_text(item)
    assert text.startswith("sao praia mar e 語 e")
    assert 65_535 - 4 < len(text.encode()) <= 65_535
