"""Texts that are longer than what an encoder reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

ADDED = 4
"""Tokens that a tokenizer puts around a text, at most: its beginning, its end, a space before it."""


def overlong(texts: Sequence[str], limit: int, count: Callable[[str], int]) -> dict[int, int]:
    """The texts of more than ``limit`` tokens (0: there is no limit): place, and number of tokens.

    ``count`` gives the tokens of a text with those put around it. It is not asked for texts that are short
    in any case: of ASCII, a token holds at least one character.
    """
    if not limit:
        return {}
    doubtful = [i for i, text in enumerate(texts) if not text.isascii() or len(text) + ADDED > limit]
    counted = {i: count(texts[i].encode("utf-8", "replace").decode()) for i in doubtful}
    return {place: tokens for place, tokens in counted.items() if tokens > limit}
