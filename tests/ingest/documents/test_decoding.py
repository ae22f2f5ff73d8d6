"""Text comes out in whatever encoding it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents.decoding import decode, looks_like_text

PORTUGUESE = "A construção começou três anos antes, e não havia mais ninguém na praça do coração. " * 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_usual_encodings(encoding: str) -> None:
    assert decode(PORTUGUESE.encode(encoding)) == PORTUGUESE


def test_japanese_without_a_mark() -> None:
    text = "名前,年齢,住所\n佐藤太郎,30,東京\n三木英子,25,大阪\n髙橋淳,35,名古屋\n" * 3
    assert decode(text.encode("cp932")) == text


def test_what_a_page_declares_counts() -> None:
    text = '<meta charset="koi8-r"><p>Маяк'
    assert "Маяк" in decode(text.encode("koi8-r"), declares=True)


def test_binary_is_no_text() -> None:
    assert looks_like_text("a b".encode("utf-16"))
    assert looks_like_text("maçã\r\n\tx".encode("latin-1"))
    assert not looks_like_text(bytes(range(256)))


@given(st.binary(max_size=500))
def test_never_an_error(data: bytes) -> None:
    assert isinstance(decode(data, declares=True), str)
