"""A selection of pictures as a folder that ``olhar ingest`` reads back: the files, and a manifest of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, Final

from rag.errors import InvalidInput

MANIFEST: Final = "manifest.jsonl"
PICTURES: Final = "pictures"
ENDING: Final = 12
"""Characters of a file's ending that are kept."""


def write_selection(
    items: Iterable[Mapping[str, Any]], picture: Callable[[str], bytes], out: Path
) -> tuple[int, int]:
    """Write ``items`` (as the API gives them) and their originals into the folder ``out``, all or nothing.

    Parts of documents and frames, which have no file of their own, are left out. Returns how many were
    written, and how many left out. Raises InvalidInput when ``out`` holds something or cannot be written, and
    what ``picture`` raises for an item without its original.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidInput(f"{out} is there and not empty; name a new folder")
    draft = out.with_name(f"{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    written = left_out = 0
    try:
        (draft / PICTURES).mkdir(parents=True)
        with (draft / MANIFEST).open("w", encoding="utf-8") as lines:
            for item in items:
                if item["parent_id"] or item["kind"] != "image":
                    left_out += 1
                    continue
                name = f"{PICTURES}/{item['content_hash']}{_ending(item['sources'])}"
                (draft / name).write_bytes(picture(item["item_id"]))
                lines.write(json.dumps(_line(name, item), ensure_ascii=False) + "\n")
                written += 1
        if not written:
            raise InvalidInput("nothing was selected that has a file of its own: nothing is written")
        with suppress(FileNotFoundError):
            out.rmdir()
        os.replace(draft, out)
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return written, left_out


def _ending(sources: list[str]) -> str:
    """Of the first name; files are told by what they hold, so that none does no harm."""
    ending = PurePath(sources[0]).suffix.lower() if sources else ""
    return ending if ending[1:].isalnum() and ending.isascii() and len(ending) <= ENDING else ""


def _line(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(item["metadata"])
    captions = metadata.pop("captions", [])
    others = captions if isinstance(captions, list) else []
    said = {"caption": item["caption"], "captions": others, "tags": item["tags"], "metadata": metadata}
    return {"path": name, **{key: value for key, value in said.items() if value}}
