"""The question that is searched for: the one that was asked, or, within a conversation, rewritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rag import languages
from rag.errors import ModelUnavailable
from rag.protocols import Rewriter
from rag.types import Query, Trace, Turn


def understood(
    query: Query, history: Sequence[Turn], rewriter: Rewriter | None, clock: Callable[[], float]
) -> tuple[Query, Trace]:
    """What is searched for, and how it came about. ``clock`` gives seconds."""
    started, text = clock(), query.text.strip()
    language = languages.detect(text) or "" if text else ""
    if rewriter is None or not history or not text:
        why = "OLHAR_REWRITE is off" if history and text else "no earlier turns"
        return query, Trace(language, reason=why)
    try:
        rewritten = rewriter.rewrite(text, history)
    except ModelUnavailable as error:
        return query, Trace(language, "", _since(started, clock), "failed", str(error))
    if rewritten == text:
        return query, Trace(language, "", _since(started, clock), "unchanged")
    return replace(query, text=rewritten), Trace(language, rewritten, _since(started, clock), "rewritten")


def _since(started: float, clock: Callable[[], float]) -> float:
    return (clock() - started) * 1e3
