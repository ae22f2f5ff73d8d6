from __future__ import annotations

from api.schemas import AskOut, IngestOut, SearchOut
from ingest.receipts import FileReceipt, IngestReport
from rag.types import (
    Answer,
    Citation,
    Evidence,
    Hit,
    Item,
    Legs,
    RerankState,
    SearchResult,
)

ITEM = Item("a" * 32, "t", "c", "h", ("one.jpg", "two.jpg"), caption="cap", text="txt", tags=("x",))
HIT = Hit(1, ITEM, 1.5, 0.8, Legs(image=0.2, named=-0.5))


def test_a_search_has_the_documented_keys() -> None:
    shown = SearchOut.of(SearchResult((HIT,), ("w",), {"search": 3.0})).model_dump()
    assert shown == {
        "hits": [
            {
                "rank": 1,
                "item_id": "a" * 32,
                "kind": "image",
                "modality": "image",
                "source": "one.jpg",
                "part": "",
                "parent_id": "",
                "page": 0,
                "title": "",
                "caption": "cap",
                "text": "txt",
                "score": 1.5,
                "relevance": 0.8,
                "legs": {
                    "image": 0.2,
                    "caption": None,
                    "bm25": None,
                    "rerank": None,
                    "ocr": None,
                    "agreement": None,
                    "named": -0.5,
                },
                "tags": ["x"],
                "labels": [],
                "collection": "c",
                "duplicates": 0,
                "more_parts": 0,
                "negative": None,
                "seconds": None,
            }
        ],
        "rerank": {"state": "skipped", "reason": "not asked for"},
        "warnings": ["w"],
        "next": None,
    }


def test_an_answer_has_the_documented_keys() -> None:
    answer = Answer(
        "yes [1]", False, (Citation(1, ITEM.id, "one.jpg"),), (Evidence(1, HIT, "shown"),),
        RerankState("skipped", "none set"), "m", ("w",), {"answer": 2.0},
    )  # fmt: skip
    shown = AskOut.of(answer).model_dump()
    assert list(shown) == [
        "id", "answer", "abstained", "citations", "evidence", "rerank", "trace", "context",
        "sentences", "model", "warnings", "timings_ms",
    ]  # fmt: skip
    assert shown["citations"] == [{"marker": 1, "item_id": "a" * 32, "source": "one.jpg"}]
    hit = SearchOut.of(SearchResult((HIT,))).model_dump()["hits"][0]
    assert shown["evidence"] == [hit | {"marker": 1, "prompt": "shown", "alike": 0}]
    assert shown["rerank"] == {"state": "skipped", "reason": "none set"}


def test_an_ingestion_has_the_documented_keys() -> None:
    report = IngestReport("c", (FileReceipt("one.jpg", "indexed", "a", ""),))
    shown = IngestOut.of(report).model_dump()
    assert shown["collection"] == "c"
    assert shown["files"] == [{"source": "one.jpg", "status": "indexed", "item_id": "a", "reason": ""}]
    assert shown["counts"]["indexed"] == 1


def test_results_can_be_read_back() -> None:
    shown = SearchOut.of(SearchResult((HIT,)))
    assert SearchOut.model_validate_json(shown.model_dump_json()) == shown


def test_a_file_name_that_is_no_unicode_can_be_shown() -> None:
    report = IngestReport("c", (FileReceipt("caf\udce9.jpg", "indexed", "a", ""),))
    assert r"caf\udce9.jpg" in IngestOut.of(report).files[0].source
    assert IngestOut.of(report).model_dump_json()
