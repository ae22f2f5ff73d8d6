"""Passages stand under their headings; figures know their captions and their neighbours."""

from __future__ import annotations

from ingest.documents.assembly import assemble
from ingest.documents.blocks import Picture, Reading
from ingest.documents.records import Limits

from .conftest import png


def test_headings_are_the_context_of_what_follows() -> None:
    reading = Reading(title="Book")
    for text, level in (("One", 1), ("first", 0), ("Sub", 2), ("second", 0), ("Two", 1), ("third", 0)):
        reading.text(text, level=level)
    found = [(p.text, p.context) for p in assemble(reading, "html").passages]
    assert found == [("first", "Book › One"), ("second", "Book › One › Sub"), ("third", "Book › Two")]
    assert assemble(reading, "html").passages[1].words == "Book › One › Sub\nsecond"


def test_a_heading_with_nothing_below_is_a_passage() -> None:
    reading = Reading(title="Talk", unit="slide")
    reading.text("Thank you", page=9, level=1)
    (passage,) = assemble(reading, "pptx").passages
    assert (passage.text, passage.context, passage.part) == ("Thank you", "Talk", "slide-9/passage-1")


def test_parts_are_numbered_within_their_page_and_stable() -> None:
    def read() -> list[str]:
        reading = Reading(unit="page")
        for page in (1, 1, 2):
            reading.text("word " * 300, page=page)
            reading.picture(Picture(png(page), page))
        document = assemble(reading, "pdf")
        return [p.part for p in document.passages] + [f.part for f in document.figures]

    parts = read()
    assert parts == read()
    assert len(set(parts)) == len(parts)
    assert {"page-1/passage-1", "page-2/passage-1", "page-1/figure-2", "page-2/figure-1"} <= set(parts)


def test_without_pages_parts_are_numbered_through() -> None:
    reading = Reading()
    reading.text("a")
    reading.picture(Picture(png()))
    document = assemble(reading, "html")
    assert [p.part for p in document.passages] + [f.part for f in document.figures] == [
        "passage-1",
        "figure-1",
    ]


def test_a_figure_gets_the_caption_beside_it_and_passages_that_name_it() -> None:
    reading = Reading(unit="page", title="Ports")
    reading.text("The old town.", page=1)
    reading.text("As Figure 7 shows, the lighthouse is red.", page=2)
    reading.text("Elsewhere.", page=3)
    reading.text("Just before.", page=4)
    reading.picture(Picture(png(), 4, alt="IMG_1"))
    reading.text("Figure 7: The lighthouse", page=4)
    (figure,) = assemble(reading, "pdf").figures
    assert figure.caption == "Figure 7: The lighthouse"
    assert [passage.page for passage in figure.near][:2] == [2, 4]
    assert "lighthouse is red" in figure.words
    assert figure.words.startswith("Figure 7: The lighthouse\nPorts")


def test_each_caption_is_one_figures() -> None:
    reading = Reading()
    reading.picture(Picture(png(1), alt="first"))
    reading.text("Figure 1: One")
    reading.picture(Picture(png(2), alt="second"))
    assert [f.caption for f in assemble(reading, "html").figures] == ["Figure 1: One", "second"]


def test_limits_leave_out_and_say_so() -> None:
    reading = Reading(Limits(pages=1, characters=10, figures=1))
    assert reading.page(1)
    reading.text("12345678")
    reading.text("90abcdef")
    assert reading.full
    assert not reading.page(2)
    reading.picture(Picture(png(1)))
    reading.picture(Picture(png(2)))
    document = assemble(reading, "html")
    assert "".join(p.text for p in document.passages).replace("\n", "") == "1234567890"
    assert len(document.figures) == 1
    assert len(document.notes) == 3
