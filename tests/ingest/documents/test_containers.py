"""Containers are counted while they are unpacked, and broken ones are said to be."""

from __future__ import annotations

import pytest

from ingest.documents.containers import Container
from rag.errors import BadDocument, OverLimit

from .conftest import zipped


def test_files_are_found_from_each_other() -> None:
    container = Container(zipped({"a/b.xml": "B", "c/d e.png": "D"}), 1000)
    assert container.read("a/b.xml") == b"B"
    assert container.find("../c/d e.png", "a/b.xml") == b"D"
    assert container.find("/a/b.xml", "c/x") == b"B"
    assert container.find("../../../etc/passwd", "a/b.xml") is None
    with pytest.raises(BadDocument, match=r"e\.xml is missing"):
        container.read("e.xml")


def test_what_unpacks_to_too_much_is_refused_while_unpacking() -> None:
    container = Container(zipped({"bomb": b"\0" * 10**7, "small": "s"}), 10**6)
    assert container.read("small") == b"s"
    with pytest.raises(OverLimit, match="1,000,000 bytes"):
        container.read("bomb")


def test_broken_ones_are_said_to_be() -> None:
    data = zipped({"a": b"abc" * 1000})
    with pytest.raises(BadDocument, match="broken"):
        Container(data[: len(data) // 2], 10**6)
    with pytest.raises(BadDocument, match="broken"):
        Container(data.replace(data[35:45], b"\xff" * 10, 1), 10**6).read("a")
