"""Who belongs to which group, as the user says: by a field of the metadata, or by a manifest."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rag.errors import InvalidInput
from rag.types import Item, Matrix
from rag.vision.fairness.measures import Groups
from rag.vision.fairness.types import LEAST, MOST_GROUPS, Options
from rag.vision.sampling import Sample, shown

PLACES = ("id", "source", "path", "file")


@dataclass(frozen=True, slots=True)
class Grouped:
    """The items of a sample that have a group of enough pictures: ``groups`` are places in ``names``."""

    items: list[Item]
    vectors: Matrix
    names: list[str]
    groups: Groups
    notes: list[str]

    @property
    def counts(self) -> dict[str, int]:
        found = np.bincount(self.groups, minlength=len(self.names)).tolist()
        return dict(zip(self.names, found, strict=True))


def grouped(seen: Sample, options: Options) -> Grouped:
    """Raises InvalidInput where fewer than two groups have pictures enough, or there are too many."""
    told = [_group(item, options) for item in seen.items]
    counts = Counter(name for name in told if name)
    names = sorted(name for name, count in counts.items() if count >= LEAST)
    if len(names) > MOST_GROUPS:
        raise InvalidInput(
            f"{options.by!r} has {len(names)} values; up to {MOST_GROUPS} groups can be compared"
        )
    if len(names) < 2:
        found = ", ".join(f"{name} ({count})" for name, count in counts.most_common(5)) or "none"
        by = options.by or "the groups given"
        raise InvalidInput(
            f"fewer than two groups of {LEAST} pictures by {by!r} (found: {found}); "
            "name a field of the metadata that the pictures have, or give their groups"
        )
    kept = [place for place, name in enumerate(told) if name in names]
    notes = []
    if left := len(told) - len(kept):
        notes.append(f"{left:,} pictures of no group, or of one with fewer than {LEAST}, were left out")
    numbers = np.array([names.index(told[place]) for place in kept], np.intp)
    return Grouped([seen.items[n] for n in kept], seen.vectors[kept], names, numbers, notes)


def read_groups(path: Path, by: str) -> dict[str, str]:
    """From a CSV or JSON-lines file with ``id`` or ``source`` (or ``path``, ``file``) and the column ``by``.

    Raises InvalidInput.
    """
    try:
        text = path.read_text("utf-8-sig")
        lines = text.splitlines()
        rows = (
            [json.loads(line) for line in lines if line.strip()]
            if path.suffix == ".jsonl"
            else list(csv.DictReader(lines))
        )
        return dict(_row(row, by) for row in rows)
    except (OSError, ValueError, KeyError, AttributeError, StopIteration) as error:
        raise InvalidInput(
            f"{path} names no groups ({repr(error)[:80]}): it needs a column {by!r}, and one of "
            f"{', '.join(PLACES)}"
        ) from None


def _row(row: Mapping[str, object], by: str) -> tuple[str, str]:
    place = next((str(row[name]) for name in PLACES if row.get(name)), None)
    if place is None:
        raise KeyError(PLACES[0])
    return place, str(row[by])


def _group(item: Item, options: Options) -> str:
    for place in (item.id, *item.sources):
        if place in options.groups:
            return shown(options.groups[place])
    value = item.metadata.get(options.by.removeprefix("metadata."))
    return "" if value is None or isinstance(value, list | dict) else shown(str(value))
