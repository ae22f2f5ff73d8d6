"""Files of labels: a label a line, with a description after a TAB, or JSON lines; and of examples."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from api.cli.backend import read_picture
from rag.errors import InvalidInput


def read_labels(path: Path) -> list[dict[str, str]]:
    """``{"name", "description"}`` of each. Raises InvalidInput with the line that cannot be used."""
    return [_label(path, number, line) for number, line in enumerate(_lines(path), 1) if line.strip()]


def read_examples(path: Path, max_bytes: int) -> dict[str, list[str]]:
    """By label, ids of items and pictures as data URIs; paths are relative to the file.

    Raises InvalidInput with the line that cannot be used.
    """
    found: dict[str, list[str]] = {}
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            said = _object(path, number, line)
            label, item, file = said.get("label"), said.get("item"), said.get("file")
            if not isinstance(label, str) or isinstance(item, str) == isinstance(file, str):
                raise InvalidInput(f'{path}:{number}: write {{"label": …, "item": …}} or "file" for "item"')
            found.setdefault(label, []).append(
                item if isinstance(item, str) else _data_uri(path.parent / str(file), max_bytes)
            )
    return found


def _data_uri(path: Path, max_bytes: int) -> str:
    # The type is not believed anyway.
    return f"data:image/jpeg;base64,{base64.b64encode(read_picture(path, max_bytes)).decode()}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as UTF-8 text: {error}") from None


def _object(path: Path, number: int, line: str) -> dict[str, object]:
    try:
        said = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{path}:{number}: no valid JSON ({error})") from None
    if not isinstance(said, dict):
        raise InvalidInput(f"{path}:{number}: not a JSON object")
    return said


def _label(path: Path, number: int, line: str) -> dict[str, str]:
    if not line.lstrip().startswith("{"):
        name, _, description = line.partition("\t")
        return {"name": name.strip(), "description": description.strip()}
    said = _object(path, number, line)
    if not isinstance(said.get("name"), str) or said.keys() - {"name", "description"}:
        raise InvalidInput(f'{path}:{number}: write {{"name": …, "description": …}}')
    return {"name": str(said["name"]), "description": str(said.get("description", ""))}
