"""The section of a model card of an audit (Mitchell et al. 2019, “Model Cards for Model Reporting”)."""

from __future__ import annotations

from typing import Final

from rag.vision.fairness.types import Fairness, Figure, Gap

HEADING: Final = "## Fairness"


def section(found: Fairness) -> str:
    """Markdown, from its heading on."""
    measures = found.measures
    groups = ", ".join(f"{name} ({count:,})" for name, count in found.groups.items())
    rows = [
        _row(
            f"MaxSkew@{measures.retrieval.k}, mean of {measures.retrieval.words} words",
            measures.retrieval.max_skew,
        ),
        _row("NDKL", measures.retrieval.ndkl),
        *_gap(f"gap in recall@{measures.retrieval.k} of captions", measures.recall),
        *_gap("gap in zero-shot error", measures.error),
    ]
    leans = [
        f"- {one.group}, more {found.attributes[0]} than {found.attributes[1]}: d = {one.effect:+.2f} "
        f"({one.low:+.2f} to {one.high:+.2f}), p = {one.p_holm:.3f}"
        for one in measures.associations
    ]
    return "\n".join(
        [
            HEADING,
            "",
            f"Collection {found.collection}, encoder {found.encoder}, "
            f"groups by {found.by or 'a manifest'}: {groups}. "
            "Groups are those that the data names; none were inferred.",
            "",
            "| measure | value | 95 % interval | by chance | p |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            *(["Associations, in standard deviations:", "", *leans, ""] if leans else []),
        ]
    )


def put(card: str, text: str) -> str:
    """The card with this section in place of the one that it had, or at its end."""
    before, heading, after = card.partition(f"{HEADING}\n")
    if not heading:
        return f"{card.rstrip()}\n\n{text}" if card.strip() else text
    _, following, rest = after.partition("\n## ")
    return (
        f"{before}{text}{following}{rest}" if not following else f"{before}{text.rstrip()}\n{following}{rest}"
    )


def _row(name: str, one: Figure) -> str:
    return (
        f"| {name} | {one.value:.3f} | {one.low:.3f} to {one.high:.3f} | {one.by_chance:.3f} | {one.p:.3f} |"
    )


def _gap(name: str, gap: Gap | None) -> list[str]:
    return [] if gap is None else [_row(name, gap.gap)]
