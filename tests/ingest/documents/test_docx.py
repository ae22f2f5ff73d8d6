"""Word files."""

from __future__ import annotations

from ingest.documents.parsing import parse

from .conftest import docx, drawing, paragraph, png


def test_headings_tables_and_pictures_in_their_order() -> None:
    table = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Port</w:t></w:r></w:p></w:tc>" * 1
    table += "<w:tc><w:p><w:r><w:t>Lisboa</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    body = paragraph("Harbours", "H1") + paragraph("They are old.") + drawing("rId1", "a lighthouse") + table
    document = parse(docx(body, {"a.png": png()}), "x.docx")
    assert document.title == "The report"
    assert document.metadata == {"author": "Ana"}
    assert document.passages[0].context == "The report › Harbours"
    assert "They are old." in document.passages[0].text
    assert "Port | Lisboa" in document.passages[0].text
    assert [figure.caption for figure in document.figures] == ["a lighthouse"]
    assert document.figures[0].data == png()


def test_a_paragraph_in_the_caption_style_is_the_caption() -> None:
    body = drawing("rId1", "IMG_0001.png") + paragraph("Our house by the sea", "Cap")
    (figure,) = parse(docx(body, {"a.png": png()}), "x.docx").figures
    assert figure.caption == "Our house by the sea"


def test_small_pictures_are_left_out_and_unreadable_ones_noted() -> None:
    body = paragraph("words") + drawing("rId1") + drawing("rId2") + drawing("rId9", "an eagle")
    document = parse(docx(body, {"a.png": png(width=20, height=20), "b.emf": b"\1\0\0\0"}), "x.docx")
    assert not document.figures
    assert any("left out" in note for note in document.notes)
    assert "an eagle" in document.passages[0].text  # a picture that is only linked


def test_what_was_deleted_and_what_is_there_twice_is_not_read() -> None:
    body = (
        "<w:p><w:r><w:delText>gone</w:delText><w:t>kept</w:t></w:r></w:p><w:p><Fallback><w:r><w:t>twice</w:t></w:r>"
        "</Fallback></w:p>"
    )
    assert parse(docx(body), "x.docx").passages[0].text == "kept"
