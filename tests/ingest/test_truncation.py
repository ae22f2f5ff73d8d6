"""The receipt says when the end of a caption is not read; the caption is stored whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from .conftest import FakeEncoder, FakeParts, Run, add, save


@pytest.fixture(autouse=True)
def _three_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def overlong(_: FakeEncoder, texts: Sequence[str]) -> dict[int, int]:
        return {i: len(text.split()) for i, text in enumerate(texts) if len(text.split()) > 3}

    monkeypatch.setattr(FakeEncoder, "max_tokens", 3)
    monkeypatch.setattr(FakeEncoder, "overlong_documents", overlong)


def test_the_note_names_the_tokens_the_limit_and_the_remedy(parts: FakeParts, photos: Path, run: Run) -> None:
    add(photos, 3)
    save(photos / "000.txt", "a dog runs")
    save(photos / "001.txt", "a dog runs along the beach")
    receipts = {Path(receipt.source).name: receipt for receipt in run().files}
    assert {receipt.status for receipt in receipts.values()} == {"indexed"}
    assert (receipts["000.png"].reason, receipts["002.png"].reason) == ("", "")
    reason = receipts["001.png"].reason
    assert "caption of 6 tokens, of which fake reads the first 3" in reason
    assert "OLHAR_TEXT_ENCODER" in reason
    assert parts.store.items["001.png"].caption == "a dog runs along the beach"


def test_further_captions_count_where_they_are_indexed(photos: Path, run: Run) -> None:
    add(photos, 1)
    save(photos / "000.json", '{"captions": ["a dog runs", "a beach"]}')
    assert "captions of 5 tokens" in run(all_captions=True).files[0].reason
    assert run().files[0].reason == "its description changed"
    assert "its description changed; captions of 5 tokens" in run(all_captions=True).files[0].reason


def test_what_is_not_encoded_again_is_not_noted_again(photos: Path, run: Run) -> None:
    add(photos, 1)
    save(photos / "000.txt", "a dog runs along the beach")
    assert run().files[0].reason
    assert (run().files[0].status, run().files[0].reason) == ("unchanged", "")
