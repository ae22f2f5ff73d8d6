"""What a document is read into. All of it can be pickled: parsers run in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rag.types import JSON

DocumentKind: TypeAlias = Literal[
    "pdf", "docx", "pptx", "xlsx", "html", "markdown", "text", "csv", "epub", "mail"
]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, right, top on a page, in points (1/72 inch) from its lower left corner."""

NEAR_CHARACTERS = 300
"""So much of each neighbouring passage stands beside a figure."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a document is read. What is over the first three is left out, and a note says so.

    ``characters`` of text; ``expanded`` bytes that a zip container may unpack to, over which the document
    is refused; ``pixels`` of an embedded picture.
    """

    pages: int = 2000
    characters: int = 5_000_000
    figures: int = 1000
    expanded: int = 512 * 2**20
    pixels: int = 100_000_000


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that fits the text encoder. ``page`` counts from 1 (slides and sheets too); 0: none.

    ``context`` is what it stands under: the document's title and the headings above.
    """

    text: str
    part: str
    page: int = 0
    context: str = ""
    box: Box | None = None

    @property
    def words(self) -> str:
        """What is embedded."""
        return f"{self.context}\n{self.text}" if self.context else self.text


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture in a document, ``data`` being PNG or JPEG; or a ``whole_page`` that is mostly picture.

    ``caption`` is the figure's own (its origin then `figure-caption`), or else its alternative text
    (`alt-text`). ``text`` is what stands in the picture, as far as the document itself says it.
    ``near`` are passages that speak of it or stand beside it.
    """

    data: bytes
    part: str
    page: int = 0
    caption: str = ""
    caption_origin: str = ""
    context: str = ""
    text: str = ""
    near: tuple[Passage, ...] = ()
    whole_page: bool = False
    box: Box | None = None

    @property
    def about(self) -> str:
        """Everything but the caption, in the order of its worth."""
        said = [passage.text[:NEAR_CHARACTERS] for passage in self.near]
        return "\n".join(part for part in (self.context, self.text[:NEAR_CHARACTERS], *said) if part)

    @property
    def words(self) -> str:
        """What is embedded."""
        return "\n".join(part for part in (self.caption, self.about) if part)


@dataclass(frozen=True, slots=True)
class Document:
    """All that was read. ``pages`` is 0 where there are none; ``notes`` say what was left out."""

    kind: DocumentKind
    title: str
    passages: tuple[Passage, ...]
    figures: tuple[Figure, ...]
    pages: int = 0
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
