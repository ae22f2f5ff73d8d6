"""HTML: what is read, and that nothing is fetched."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.documents.blocks import Reading
from ingest.documents.html import data_uri, read_html
from ingest.documents.parsing import parse

from .conftest import png

INLINE = f"data:image/png;base64,{base64.b64encode(png()).decode()}"


def page(body: str) -> bytes:
    return f"<!doctype html><title>Ports</title>{body}".encode()


def test_headings_paragraphs_lists_and_tables() -> None:
    body = (
        "<h1>Harbours</h1><p>They <b>are</b><br>old.<ul><li>Lisboa<li>Porto</ul><script>bad()</script>"
        "<p hidden>unseen<table><tr><th>name<th>depth<tr><td>Faro<td>3</table>"
    )
    document = parse(page(body), "a.html")
    assert document.title == "Ports"
    (passage,) = document.passages
    assert passage.context == "Ports › Harbours"
    assert passage.text.split("\n\n") == ["They are old.", "Lisboa", "Porto", "name | depth", "Faro | 3"]


def test_pictures_in_the_page_come_with_their_captions() -> None:
    figure = f'<figure><img src="{INLINE}" alt="x"><figcaption>The lighthouse</figcaption></figure>'
    body = f'{figure}<img src="{INLINE}" alt="again">'
    document = parse(page(body), "a.html")
    assert [figure.caption for figure in document.figures] == ["The lighthouse", "again"]
    assert document.figures[0].data == png()


def test_pictures_beside_the_page_are_read_and_others_never(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    (folder / "img").mkdir(parents=True)
    (folder / "img" / "a b.png").write_bytes(png(1))
    (tmp_path / "secret.png").write_bytes(png(2))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    sources = [
        "img/a%20b.png",
        "../secret.png",
        "link.png",
        str(tmp_path / "secret.png"),
        "http://host/x.png",
        "//h/x",
    ]
    body = "".join(f'<p>{n}<img src="{source}">' for n, source in enumerate(sources))
    document = parse(page(body), "a.html", folder=str(folder))
    assert [figure.data for figure in document.figures] == [png(1)]
    assert "pictures that lie elsewhere were not fetched" in document.notes
    assert not parse(page(body), "a.html").figures


def test_data_uris() -> None:
    assert data_uri("data:image/svg+xml,%3Csvg%3E") == b"<svg>"
    assert data_uri("data:image/png;base64,!!") == b""
    assert data_uri("data:nothing") is None


def test_deep_nesting_is_no_trap() -> None:
    reading = Reading()
    read_html("<div>" * 5000 + "deep", reading)


@given(st.text(alphabet=st.sampled_from("<>/=\"' apdivtrimgh1&;\0é"), max_size=200))
@settings(max_examples=60)
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_html(text, Reading())


@pytest.mark.parametrize("text", ["", "  \n", "<!---->", "<html></html>"])
def test_empty_pages(text: str) -> None:
    reading = Reading()
    read_html(text, reading)
    assert not reading.blocks
