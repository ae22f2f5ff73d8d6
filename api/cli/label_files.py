"""Files of labels: a label a line, with a description after a TAB, or JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

from rag.errors import InvalidInput


def read_labels(path: Path) -> list[dict[str, str]]:
    """``{"name", "description"}`` of each. Raises InvalidInput with the line that cannot be used."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as UTF-8 text: {error}") from None
    return [_label(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _label(path: Path, number: int, line: str) -> dict[str, str]:
    if not line.lstrip().startswith("{"):
        name, _, description = line.partition("\t")
        return {"name": name.strip(), "description": description.strip()}
    try:
        said = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{path}:{number}: no valid JSON ({error})") from None
    if not isinstance(said.get("name"), str) or said.keys() - {"name", "description"}:
        raise InvalidInput(f'{path}:{number}: write {{"name": …, "description": …}}')
    return {"name": said["name"], "description": str(said.get("description", ""))}
