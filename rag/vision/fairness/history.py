"""An audit in a few figures, to be kept and compared with later ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from rag.types import JSON
from rag.vision.fairness.types import Fairness

KEPT: Final = 200
"""Audits of a collection; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Run:
    """``at``: Unix seconds. A gap is null where it was not measured."""

    at: int
    by: str
    groups: dict[str, int]
    max_skew: float
    ndkl: float
    recall_gap: float | None
    error_gap: float | None

    @classmethod
    def of(cls, found: Fairness, at: float) -> Run:
        measures = found.measures
        return cls(
            at=int(at),
            by=found.by,
            groups=found.groups,
            max_skew=measures.retrieval.max_skew.value,
            ndkl=measures.retrieval.ndkl.value,
            recall_gap=None if measures.recall is None else measures.recall.gap.value,
            error_gap=None if measures.error is None else measures.error.gap.value,
        )

    def said(self) -> dict[str, JSON]:
        """As it is kept."""
        return asdict(self)


def told(said: Mapping[str, JSON] | None) -> list[Run]:
    """Those that were kept, oldest first."""
    runs = (said or {}).get("runs", [])
    return [Run(**run) for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []  # type: ignore[arg-type]  # as ``said`` wrote them


def over(found: Fairness, max_gap: float | None, max_skew: float | None) -> list[str]:
    """What goes beyond a bound, in words."""
    run = Run.of(found, 0)
    gaps = {"recall": run.recall_gap, "error": run.error_gap}
    said = [
        f"the {name} gap is {value:.3f}, more than {max_gap:g}"
        for name, value in gaps.items()
        if max_gap is not None and value is not None and value > max_gap
    ]
    if max_skew is not None and run.max_skew > max_skew:
        said.append(f"the mean MaxSkew is {run.max_skew:.3f}, more than {max_skew:g}")
    return said
