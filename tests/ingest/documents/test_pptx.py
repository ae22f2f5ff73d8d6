"""PowerPoint files."""

from __future__ import annotations

from ingest.documents.parsing import parse

from .conftest import OFFICE, png, relations, zipped

SPACES = f'xmlns:p="urn:p" xmlns:a="urn:a" xmlns:r="{OFFICE}"'


def shape(text: str, placeholder: str = "") -> str:
    return f'<p:sp><p:ph type="{placeholder}"/><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sp>'


def deck(*slides: str, notes: str = "") -> bytes:
    order = "".join(f'<p:sldId id="{n + 256}" r:id="rId{n}"/>' for n in reversed(range(len(slides))))
    files: dict[str, bytes | str] = {
        "ppt/presentation.xml": f"<p:presentation {SPACES}>{order}</p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            {f"rId{n}": f"slides/s{n}.xml" for n in range(len(slides))}
        ),
        "ppt/media/a.png": png(),
        "ppt/notesSlides/n.xml": f"<p:notes {SPACES}>{shape(notes, 'body')}</p:notes>",
    }
    for n, slide in enumerate(slides):
        files[f"ppt/slides/s{n}.xml"] = f"<p:sld {SPACES}>{slide}</p:sld>"
        targets = {"rId1": "../media/a.png", "rId2": "file:///secret.png", "rId3": "../notesSlides/n.xml"}
        files[f"ppt/slides/_rels/s{n}.xml.rels"] = relations(targets, external=["rId2"])
    return zipped(files)


def picture(relation: str, alt: str) -> str:
    return f'<p:pic><p:cNvPr descr="{alt}"/><a:blip r:embed="{relation}"/></p:pic>'


def test_slides_come_in_the_order_of_the_show_with_title_and_pictures() -> None:
    last = shape("Thank you", "title")
    first = shape("Harbours", "title") + shape("They are old.") + picture("rId1", "a lighthouse")
    document = parse(deck(last, first), "talk.pptx")
    assert (document.title, document.pages) == ("talk", 2)
    assert [(p.part, p.text) for p in document.passages] == [
        ("slide-1/passage-1", "They are old."),
        ("slide-2/passage-1", "Thank you"),
    ]
    (figure,) = document.figures
    assert (figure.part, figure.caption, figure.context) == (
        "slide-1/figure-1",
        "a lighthouse",
        "talk › Harbours",
    )


def test_notes_are_read_and_linked_pictures_are_not_fetched() -> None:
    document = parse(deck(shape("A") + picture("rId2", "a linked eagle"), notes="say hello"), "talk.pptx")
    text = " ".join(passage.text for passage in document.passages)
    assert "say hello" in text
    assert "a linked eagle" in text
    assert not document.figures


def test_tables_are_read_row_by_row() -> None:
    cell = "<a:tc><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:tc>"
    table = f"<p:graphicFrame><a:tr>{cell.format('Port')}{cell.format('Lisboa')}</a:tr></p:graphicFrame>"
    assert parse(deck(table), "talk.pptx").passages[0].text == "Port | Lisboa"
