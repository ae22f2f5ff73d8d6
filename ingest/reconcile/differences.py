"""What does not agree, and what can be done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from rag.types import JSON, Scope

Found: TypeAlias = Literal[
    "no-item", "no-original", "no-place", "lost-receipt", "lost-parent", "incomplete-document",
    "unused-original", "unused-upload", "unfinished-file", "unfinished-deletion",
]  # fmt: skip
Remedy: TypeAlias = Literal["place", "delete", "finish", "ingest", "person"]
"""Note the source; delete; finish the deletion; ingest again; ``person``: only somebody who has the file."""

SAFE: Final[frozenset[Remedy]] = frozenset({"place", "delete", "finish"})
"""What may be done unasked: nothing of it reads a file, encodes, or takes away what anybody finds."""
ALL: Final[frozenset[Remedy]] = SAFE | {"ingest"}
SHOWN: Final = 1000
"""So many differences are told one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree. ``name`` is a source, an item's id, or a hash of content."""

    kind: Found
    scope: Scope | None
    name: str
    remedy: Remedy
    repaired: bool = False


Tell: TypeAlias = Callable[[Difference], bool]
"""Takes a difference that was found, and says whether it is to be put right now."""


@dataclass(slots=True)
class Report:
    """What was found. ``differences`` are the first ones, ``counts`` counts all by kind.

    ``left`` counts those that were not put right. What was found to be ingested again is in the jobs of
    ``job_ids``, whose receipts say what became of it; it counts as put right.
    """

    counts: Counter[str] = field(default_factory=Counter)
    left: int = 0
    differences: list[Difference] = field(default_factory=list)
    job_ids: list[str] = field(default_factory=list)
    _tenants: dict[str, Report] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing is left to be put right."""
        return not self.left

    def add(self, difference: Difference) -> None:
        """Count it, and keep it if there is room."""
        if difference.scope is not None:
            self.of_tenant(difference.scope.tenant).add(replace(difference, scope=None))
        self.counts[difference.kind] += 1
        self.left += not difference.repaired
        if len(self.differences) < SHOWN:
            self.differences.append(difference)

    def of_tenant(self, tenant: str) -> Report:
        """What of it is one tenant's; files are nobody's."""
        return self._tenants.setdefault(tenant, Report())

    def said(self) -> dict[str, JSON]:
        """In short, for the records."""
        return {"found": sum(self.counts.values()), "left": self.left, "counts": dict(self.counts)}
