"""PDF: text with its page and place, figures cut out with their captions, scans as whole pages."""

from __future__ import annotations

import pytest

from ingest.documents.parsing import parse
from ingest.documents.records import Document, Limits
from rag.errors import BadDocument
from rag.images import decode

from .conftest import at, image_at, pdf, strokes

WORDS = "The harbour was rebuilt after the flood and the lighthouse stands there."


def body(count: int, start: float = 700) -> str:
    return "".join(at(72, start - 14 * n, f"{WORDS} {n}") for n in range(count))


def captions(document: Document) -> list[str]:
    return [figure.caption for figure in document.figures]


def test_text_comes_with_page_heading_and_place() -> None:
    document = parse(pdf([at(72, 720, "The Harbour", 24) + body(3, 690), body(2, 300)]), "a.pdf")
    assert (document.kind, document.title, document.pages) == ("pdf", "The Harbour", 2)
    second = [p for p in document.passages if p.page == 2]
    assert second[0].text.startswith(WORDS)
    assert second[0].context == "The Harbour"
    assert second[0].box is not None
    left, bottom, right, top = second[0].box
    assert 60 < left < 80 < right < 600
    assert 270 < bottom < 300 < top < 330


def test_the_title_of_the_file_counts() -> None:
    assert parse(pdf([body(1)], title="A Guide"), "a.pdf").title == "A Guide"
    assert parse(pdf([body(1)], title="scan0001.doc"), "guide.pdf").title == "guide"


def test_hyphens_at_the_end_of_lines_are_joined() -> None:
    page = at(72, 700, "The light-") + at(72, 686, "house is red.")
    assert parse(pdf([page]), "a.pdf").passages[0].text == "The lighthouse is red."


def test_running_heads_are_left_out() -> None:
    pages = [at(72, 770, f"Ports of the North {n}") + body(4) for n in range(1, 7)]
    document = parse(pdf(pages), "a.pdf")
    assert all("Ports of the North" not in passage.text for passage in document.passages)


def test_an_image_with_its_caption_is_a_figure() -> None:
    page = (
        body(3)
        + image_at(150, 400, 200, 150)
        + at(150, 380, "Figure 3: The lighthouse at dusk")
        + body(3, 300)
    )
    document = parse(pdf([page]), "a.pdf")
    (figure,) = document.figures
    assert (figure.caption, figure.page, figure.part) == (
        "Figure 3: The lighthouse at dusk",
        1,
        "page-1/figure-1",
    )
    assert figure.near
    pixels = decode(figure.data, max_pixels=10**7)
    assert pixels.shape[1] / pixels.shape[0] == pytest.approx(200 / 150, rel=0.15)
    assert {tuple(int(v > 127) for v in pixels[y, x]) for y in (60, -60) for x in (60, -60)} == {
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (1, 1, 0),
    }


def test_a_drawing_is_a_figure_with_the_words_in_it() -> None:
    page = body(3) + strokes(150, 400, 200, 150) + at(200, 470, "rotor") + at(150, 380, "Abb. 1: Der Motor")
    (figure,) = parse(pdf([page]), "a.pdf").figures
    assert figure.caption == "Abb. 1: Der Motor"
    assert "rotor" in figure.text


def test_parts_that_share_a_caption_are_one_figure() -> None:
    page = (
        body(2)
        + image_at(100, 400, 120, 100)
        + image_at(300, 400, 120, 100)
        + at(200, 380, "Figure 1: Both halves")
    )
    assert captions(parse(pdf([page + body(2, 300)]), "a.pdf")) == ["Figure 1: Both halves"]


def test_figures_side_by_side_get_each_their_own() -> None:
    page = body(2) + image_at(80, 400, 180, 100) + image_at(320, 400, 180, 100)
    page += at(80, 385, "Figure 1: The left one", 9) + at(320, 385, "Figure 2: The right one", 9)
    document = parse(pdf([page + body(2, 300)]), "a.pdf")
    assert sorted(captions(document)) == ["Figure 1: The left one", "Figure 2: The right one"]


def test_rules_and_frames_around_text_are_no_figures() -> None:
    frame = "72 500 450 215 re S\n72 690 m 522 690 l S\n"
    assert not parse(pdf([body(12) + frame]), "a.pdf").figures


def test_a_scan_is_kept_as_a_whole_page() -> None:
    document = parse(pdf([image_at(0, 0, 600, 800), body(20)]), "scan.pdf")
    (figure,) = document.figures
    assert figure.whole_page
    assert figure.page == 1


def test_an_image_behind_much_text_is_none() -> None:
    assert not parse(pdf([image_at(0, 0, 600, 800) + body(20)]), "a.pdf").figures


def test_turned_pages_are_read() -> None:
    document = parse(pdf([body(3)], rotate=90), "a.pdf")
    assert WORDS in document.passages[0].text


def test_what_cannot_be_read_says_why() -> None:
    with pytest.raises(BadDocument, match="neither text nor a picture"):
        parse(pdf([""]), "a.pdf")
    with pytest.raises(BadDocument, match="broken"):
        parse(pdf([body(1)])[:40], "a.pdf")


def test_pages_over_the_limit_are_left_out() -> None:
    document = parse(pdf([body(1)] * 3), "a.pdf", limits=Limits(pages=2))
    assert {passage.page for passage in document.passages} == {1, 2}
    assert any("2 pages" in note for note in document.notes)
