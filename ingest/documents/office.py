"""What Word, PowerPoint and Excel files have in common: parts of a zip tied by relations."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from urllib.parse import unquote

from ingest.documents.blocks import Reading
from ingest.documents.containers import Container
from ingest.documents.markup import Element, attribute, find, find_all, local, parse_xml
from ingest.documents.pictures import embedded

PROPERTIES = {"title": "title", "creator": "author", "subject": "subject", "keywords": "keywords"}


@dataclass(frozen=True, slots=True)
class Part:
    """An XML file in the container, with what its relations point at: name by id."""

    name: str
    root: Element
    targets: dict[str, str]


def open_part(container: Container, name: str) -> Part:
    """Raises BadDocument when the part is missing or no XML."""
    return Part(name, parse_xml(container.read(name), name), relations(container, name))


def relations(container: Container, name: str) -> dict[str, str]:
    """Names of parts by relation id; what lies outside the container is left out: nothing is fetched."""
    folder, file = posixpath.split(name)
    data = container.find(f"/{folder}/_rels/{file}.rels")
    if data is None:
        return {}
    found = {}
    for relation in find_all(parse_xml(data, f"{file}.rels"), "Relationship"):
        if attribute(relation, "TargetMode") != "External":
            path = posixpath.join("/", folder, unquote(attribute(relation, "Target")))
            found[attribute(relation, "Id")] = posixpath.normpath(path).lstrip("/")
    return found


def relation_id(element: Element) -> str:
    """The relation that an element names: an ``id`` with a namespace; a plain one may stand beside it."""
    return next((str(v) for k, v in element.attrib.items() if str(k).endswith("}id")), "")


def properties(container: Container) -> dict[str, str]:
    """Title, author and so on, as far as the file says."""
    data = container.find("docProps/core.xml")
    if data is None:
        return {}
    root = parse_xml(data, "core.xml")
    return {PROPERTIES[local(e)]: e.text or "" for e in root.iter() if local(e) in PROPERTIES}


def take_drawn(reading: Reading, container: Container, part: Part, element: Element, page: int = 0) -> None:
    """Take the pictures below an element with their alternative text, which is text where
    they are only linked.

    Word's own drawings and its older VML are both known.
    """
    described = find(element, "docPr") if find(element, "docPr") is not None else find(element, "cNvPr")
    alt = "" if described is None else attribute(described, "descr") or attribute(described, "title")
    for blip in find_all(element, "blip", "imagedata"):
        target = attribute(blip, "embed") or relation_id(blip)
        data = container.find("/" + part.targets[target]) if target in part.targets else None
        said = alt or attribute(blip, "title")
        if data is None:
            reading.text(said, page=page)
        else:
            embedded(reading, data, page=page, alt=said)
