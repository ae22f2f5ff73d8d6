"""E-mails."""

from __future__ import annotations

from email.message import EmailMessage

from ingest.documents.parsing import parse

from .conftest import png


def message(text: str = "", html: str = "") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "Férias no Porto"
    made["From"] = "Ana <ana@example.org>"
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def test_subject_sender_text_and_pictures() -> None:
    mail = message("Chegámos bem.\n\nAté já", "<p>in HTML")
    mail.add_attachment(png(), maintype="image", subtype="png", filename="ponte.png")
    mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="bill.pdf")
    document = parse(mail.as_bytes(), "a.eml")
    assert document.title == "Férias no Porto"
    assert "Chegámos bem." in document.passages[0].text
    assert "ana@example.org" in document.passages[0].text
    assert "in HTML" not in document.passages[0].text
    assert [figure.caption for figure in document.figures] == ["ponte.png"]
    assert document.figures[0].data == png()
    assert any("bill.pdf was not read" in note for note in document.notes)


def test_html_alone_with_its_own_pictures() -> None:
    mail = message(html='<p>Olá</p><img src="cid:one" alt="a bridge">')
    part = list(mail.iter_parts())[1]
    assert isinstance(part, EmailMessage)
    part.add_related(png(), maintype="image", subtype="png", cid="<one>")
    document = parse(mail.as_bytes(), "a.eml")
    assert "Olá" in document.passages[0].text
    assert [figure.caption for figure in document.figures] == ["a bridge"]


def test_broken_headers_and_encodings_are_survived() -> None:
    raw = b"Subject: =?utf-9?q?=ff?=\r\nContent-Type: text/plain; charset=klingon\r\n\r\ncaf\xe9\r\n"
    assert "café" in parse(raw, "a.eml").passages[0].text
