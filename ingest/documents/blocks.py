"""What every reader gives: the texts and pictures of a document, in reading order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from ingest.documents.records import Box, Limits
from rag.types import JSON

Unit: TypeAlias = Literal["page", "slide", "sheet", "chapter", ""]
"""What ``page`` counts; empty where nothing is counted."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph, a row of a table, or with a ``level`` from 1 on a heading. ``caption``: it is one."""

    text: str
    page: int = 0
    level: int = 0
    box: Box | None = None
    caption: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it lies in the document. ``alt`` is its alternative text, ``text`` what stands in it.

    ``caption`` is there where the document itself ties the two together.
    """

    data: bytes
    page: int = 0
    alt: str = ""
    caption: str = ""
    text: str = ""
    box: Box | None = None
    whole_page: bool = False


Block: TypeAlias = Text | Picture


@dataclass(slots=True)
class Reading:
    """What a reader collects. It stops at the limits by itself, and notes that it did."""

    limits: Limits = field(default_factory=Limits)
    title: str = ""
    unit: Unit = ""
    pages: int = 0
    blocks: list[Block] = field(default_factory=list)
    metadata: dict[str, JSON] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    characters: int = 0
    figures: int = 0

    @property
    def full(self) -> bool:
        """Whether no more text is taken."""
        return self.characters >= self.limits.characters

    def text(self, text: str, **fields: object) -> None:
        """Take a text, as far as there is room for it; an empty one is dropped."""
        text = _clean(text)
        if not text:
            return
        room = self.limits.characters - self.characters
        if len(text) > room:
            self.note(f"only the first {self.limits.characters:,} characters were read")
        if room > 0:
            self.blocks.append(replace(Text(text[:room]), **fields))  # type: ignore[arg-type]  # as named
            self.characters += len(text)

    def picture(self, picture: Picture) -> None:
        """Take a picture, if there is room for it."""
        if self.figures == self.limits.figures:
            self.note(f"only the first {self.limits.figures:,} pictures were taken")
            return
        self.figures += 1
        self.blocks.append(picture)

    def page(self, number: int) -> bool:
        """Whether this page (from 1) is to be read."""
        if number > self.limits.pages:
            self.note(f"only the first {self.limits.pages:,} pages were read")
            return False
        self.pages = max(self.pages, number)
        return not self.full

    def note(self, said: str) -> None:
        """Say something once."""
        if said not in self.notes:
            self.notes.append(said)

    def named(self, title: str) -> None:
        """Take a title, unless there is one."""
        self.title = self.title or _clean(title)

    def about(self, metadata: Mapping[str, object]) -> None:
        """Keep those of some properties that say anything."""
        for key, value in metadata.items():
            said = _clean(str(value or ""))[:1000]
            if said:
                self.metadata[key] = said


def _clean(text: str) -> str:
    """One line of valid Unicode without NUL."""
    return " ".join(text.replace("\0", " ").split()).encode("utf-8", "replace").decode()
