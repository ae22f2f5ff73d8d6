"""Which model a tuned one came from, kept in its folder: what is known of the one holds for the other."""

from __future__ import annotations

import json
from pathlib import Path

ORIGIN = "olhar.json"
"""The file in a folder that ``olhar train MODEL`` wrote."""


def origin(folder: str | Path) -> str | None:
    """The name of the first model, as it was given; ``None`` where the folder says nothing of one."""
    try:
        told = json.loads((Path(folder) / ORIGIN).read_text("utf-8"))["tuned_from"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) and told else None


def write_origin(folder: Path, model: str) -> None:
    """Say in ``folder`` that its model was tuned from ``model``; when that is a tuned one itself, from its
    first.
    """
    content = {"tuned_from": origin(model) or model}
    (folder / ORIGIN).write_text(json.dumps(content, ensure_ascii=False) + "\n", "utf-8")
