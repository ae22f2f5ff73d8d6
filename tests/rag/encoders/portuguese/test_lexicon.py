"""The packaged lexicon: whole, clean, and of both shores."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import get_args

import pytest

from rag.encoders.compact.portuguese.lexicon import FILE, Kind, digest, fold, lexicon, read_rows


def test_rows_are_clean() -> None:
    rows = list(read_rows())
    assert len(rows) > 7000
    assert len({(portuguese, kind) for portuguese, _, kind in rows}) == len(rows)
    for portuguese, meaning, kind in rows:
        assert kind.removesuffix("+") in get_args(Kind)
        assert portuguese == " ".join(portuguese.lower().split()) == unicodedata.normalize("NFC", portuguese)
        assert not re.search(r"[-,;=/]", portuguese)
        assert re.fullmatch(r"[a-z' /-]*", meaning), (portuguese, meaning)
        assert meaning.count("/") in ((0, 2) if kind == "verb" else (0,))


@pytest.mark.parametrize(
    ("here", "there", "meaning"),
    [
        ("autocarro", "ônibus", "bus"),
        ("comboio", "trem", "train"),
        ("telemóvel", "celular", "cell phone"),
        ("relva", "grama", "grass"),
        ("camião", "caminhão", "truck"),
        ("pequeno almoço", "café da manhã", "breakfast"),
        ("elétrico", "bonde", "tram"),
    ],
)
def test_both_shores(here: str, there: str, meaning: str) -> None:
    for form in (here, there, fold(here), fold(there)):
        entry = lexicon().find(form)
        assert entry is not None
        assert entry.english == meaning


@pytest.mark.parametrize(
    ("form", "meaning"),
    [
        ("barquinho", "small boat"),
        ("banquinhos", "benches"),
        ("girafinha", "little giraffe"),
        ("casinhas", "small houses"),
        ("cãozinho", "puppy"),
        ("mesinhas", "coffee tables"),
        ("meninão", "big boy"),
        ("altíssima", "very tall"),
        ("calmamente", "calmly"),
        ("jogadoras", "players"),
        ("castanhas claras", "light brown"),
        ("gostavam da", "liked"),
    ],
)
def test_forms_that_have_no_row(form: str, meaning: str) -> None:
    entry = lexicon().find(form)
    assert entry is not None
    assert entry.english == meaning


@pytest.mark.parametrize("form", ["xyzzy", "", "inho", "íssimo", "amente"])
def test_what_is_not_there_is_not_found(form: str) -> None:
    assert lexicon().find(form) is None


def test_accents_tell_words_apart_where_they_are_written() -> None:
    found = {form: lexicon().find(form) for form in ("avó", "avô", "e", "é")}
    assert [entry.english for entry in found.values() if entry] == ["grandmother", "grandfather", "and", "is"]


def test_another_lexicon_and_other_rules_have_another_digest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = digest()
    assert re.fullmatch("[0-9a-f]{12}", before)
    other = tmp_path / FILE.name
    other.write_text(FILE.read_text("utf-8") + "xyzzy\tmagic\tnoun\n", "utf-8")
    for name, value in (("FILE", other), ("RULES", "other")):
        with monkeypatch.context() as patch:
            patch.setattr(f"{digest.__module__}.{name}", value)
            digest.cache_clear()
            assert digest() != before
    digest.cache_clear()
