"""Texts into pieces that fit a text encoder."""

from __future__ import annotations

import re

from langchain_text_splitters import RecursiveCharacterTextSplitter

PASSAGE_TOKENS = 190
"""With the context above it a passage stays within the 256 tokens that MiniLM reads."""
CONTEXT_CHARACTERS = 160

_PIECES = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_SEPARATORS = ["\n\n", "\n", ". ", "! ", "? ", "。", "！", "？", "; ", ", ", "、", " ", ""]


def estimated_tokens(text: str) -> int:
    """About how many tokens WordPiece or a like tokenizer makes of a text; rather too many than too few.

    English words of up to six letters are one token; longer ones, and those with letters beyond ASCII, fall
    into pieces. Scripts without Latin letters take a token or more for each letter.
    """
    return sum(_tokens(piece) for piece in _PIECES.findall(text))


def _tokens(piece: str) -> int:
    size = len(piece)
    if piece.isascii():
        return 1 if size <= 6 and piece.isalpha() else -(-size // (3 if piece.isalpha() else 2))
    if ord(max(piece)) < 0x250:  # Latin with accents
        return -(-size // 2)
    hangul = sum("\uac00" <= letter <= "\ud7a3" for letter in piece)  # taken apart into up to three
    return size + 2 * hangul


_SPLITTER = RecursiveCharacterTextSplitter(
    chunk_size=PASSAGE_TOKENS,
    chunk_overlap=0,
    length_function=estimated_tokens,
    separators=_SEPARATORS,
    keep_separator="end",
)


def split(text: str) -> list[str]:
    """Pieces of at most ``PASSAGE_TOKENS``, cut between paragraphs, sentences or words where it can be."""
    return [piece.strip() for piece in _SPLITTER.split_text(text) if piece.strip()]
