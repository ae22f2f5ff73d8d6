"""A base of the doubles of encoders: they read texts of any length."""

from __future__ import annotations

from collections.abc import Sequence


class ReadsAll:
    """What an encoder says of the length of texts, where none is too long."""

    max_tokens = 0

    def overlong_documents(self, texts: Sequence[str]) -> dict[int, int]:
        del texts
        return {}

    def overlong_queries(self, texts: Sequence[str]) -> dict[int, int]:
        del texts
        return {}
