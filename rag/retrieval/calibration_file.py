"""Where a calibration is kept: a file in the data folder, with the encoders that it was fitted for."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rag.errors import InvalidInput
from rag.retrieval.calibration import STRAIGHT
from rag.types import Calibration, Fingerprint, LegWeights

NAME: Final = "calibration.json"
FORMAT: Final = 2
"""One more whenever the file, or what a leg means or its scale, changes: weights fitted before fit no more.

2: ``named`` tells what a picture shows by the classes its vector was mixed of.
"""
STALE: Final = (
    "the calibration in {} was fitted for {} and is left aside: run `olhar calibrate` again, or "
    "`olhar calibrate --forget`"
)


def save(
    folder: Path, calibration: Calibration, image: Fingerprint, text: Fingerprint, facts: object
) -> Path:
    """Write it into a data folder, in one piece; ``facts`` are for people. Returns the file."""
    told = {
        "format": FORMAT,
        "image": asdict(image),
        "text": asdict(text),
        "calibration": asdict(calibration),
        "facts": facts,
    }
    folder.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(told, file, indent=1)
    os.replace(draft, folder / NAME)
    return folder / NAME


def load(folder: Path, image: Fingerprint, text: Fingerprint) -> tuple[Calibration | None, str]:
    """The calibration of a data folder, or None, and what the user should be told; empty for nothing.

    One of other encoders, or of another version of Olhar, is left aside with a warning. Raises InvalidInput
    when the file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None, ""
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["format"] != FORMAT:
            return None, STALE.format(path, "another version of Olhar")
        if [told["image"], told["text"]] != [asdict(image), asdict(text)]:
            return None, STALE.format(path, "another encoder")
        parts = dict(told["calibration"])
        fitted = bool(parts.pop("fitted"))
        lines = tuple((float(bias), float(slope)) for bias, slope in parts.pop("lines", STRAIGHT))
        weights = {case: LegWeights(**{k: float(v) for k, v in one.items()}) for case, one in parts.items()}
        return Calibration(**weights, fitted=fitted, lines=lines), ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{path} cannot be read ({error}): delete it, or run `olhar calibrate` again"
        ) from None


def forget(folder: Path) -> bool:
    """Delete the calibration of a data folder; whether there was one."""
    path = folder / NAME
    there = path.is_file()
    path.unlink(missing_ok=True)
    return there
