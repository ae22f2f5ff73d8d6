from __future__ import annotations

from email.message import Message

import pytest

from api.file_names import disposition, safe_name


@pytest.mark.parametrize(
    ("source", "picture", "name"),
    [
        ("photos/cat.png", "image/png", "cat.png"),
        ("photos/cat.JPEG", "image/jpeg", "cat.JPEG"),
        ("photos/cat.html", "image/png", "cat.html.png"),
        ("C:\\Fotos\\gato.png", "image/png", "gato.png"),
        ("https://a.org/x/y.pdf?z=1", None, "y.pdf_z=1"),
        ("a/../..", None, "item"),
        ("", None, "item"),
        ("a/b/", None, "b"),
        ('a"; filename="b.exe', None, "a_ filename=_b.exe"),
        ("a\r\nset-cookie: x.txt", None, "aset-cookie_ x.txt"),
        ("photo\u202egpj.exe", None, "photogpj.exe"),
        ("\ud800.txt", None, "txt"),
        (".bashrc", None, "bashrc"),
        ("á" * 400 + ".pdf", None, "á" * 146 + ".pdf"),
        ("x." + "e" * 400, None, "x." + "e" * 19),
    ],
)
def test_a_source_becomes_a_name_that_harms_nobody(source: str, picture: str | None, name: str) -> None:
    assert safe_name(source, "item", picture) == name


@pytest.mark.parametrize("name", ["cat.png", "São Tomé, à noite.jpg", "猫.png", "it's & more!.txt"])
def test_a_client_reads_the_name_that_was_meant(name: str) -> None:
    header = disposition("attachment", name)
    assert header.isascii()
    message = Message()
    message["content-disposition"] = header.partition("; filename*")[0] if name.isascii() else header
    assert message.get_content_disposition() == "attachment"
    if name.isascii():
        assert message.get_filename() == name
    else:
        assert header.startswith('attachment; filename="')
        message.replace_header("content-disposition", "attachment; " + header.split("; ", 2)[2])
        assert message.get_filename() == name
