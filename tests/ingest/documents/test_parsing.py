"""Whatever the bytes, a document or an error that says why."""

from __future__ import annotations

import contextlib
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.documents.parsing import parse
from ingest.documents.records import Document
from rag.errors import BadDocument, InvalidInput

from .conftest import at, docx, image_at, paragraph, pdf

SEEDS = (pdf([at(72, 700, "words") + image_at(0, 0, 300, 300)]), docx(paragraph("words")), b"<html><p>words")


def test_a_document_can_be_sent_from_a_child() -> None:
    document = parse(SEEDS[0], "a.pdf")
    assert pickle.loads(pickle.dumps(document)) == document


@pytest.mark.parametrize(("data", "said"), [(b"", "empty"), (b"\0\1", "known kind"), (b"   ", "neither")])
def test_reasons(data: bytes, said: str) -> None:
    with pytest.raises(BadDocument, match=said):
        parse(data, "a.txt")


@given(seed=st.sampled_from(SEEDS), place=st.floats(0, 1), junk=st.binary(max_size=40), cut=st.booleans())
@settings(max_examples=60)
def test_damaged_files_are_read_or_refused(seed: bytes, place: float, junk: bytes, cut: bool) -> None:
    where = int(place * len(seed))
    data = seed[:where] + junk + (b"" if cut else seed[where + len(junk) :])
    with contextlib.suppress(InvalidInput):
        assert isinstance(parse(data, "a.pdf"), Document)
