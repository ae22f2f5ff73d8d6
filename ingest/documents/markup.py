"""XML that fetches nothing and expands nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from lxml import etree

from rag.errors import BadDocument

Element: TypeAlias = Any
"""One of lxml's elements; it ships no type information."""


def parse_xml(data: bytes, name: str) -> Element:
    """The root of an XML file, mended where that can be. Raises BadDocument, with ``name``, otherwise."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadDocument(f"the file is broken: {name}: {error}") from None
    if root is None:
        raise BadDocument(f"the file is broken: {name} holds no XML")
    return root


def local(element: Element) -> str:
    """An element's name without its namespace; empty for comments and the like.

    Namespaces are left aside everywhere, since the strict form of Office files has its own.
    """
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """An attribute by its name without namespace; empty when it is not there."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def find_all(element: Element, *names: str) -> Iterator[Element]:
    """All elements below with one of these names, in document order."""
    return (found for found in element.iter() if local(found) in names)


def find(element: Element, name: str) -> Element | None:
    """The first element below with this name."""
    return next(find_all(element, name), None)
