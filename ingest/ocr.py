"""The text in a picture, by the models that rapidocr brings along. Runs in a child of ``ingest.sandbox``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rag.errors import BadImage, ModelUnavailable
from rag.images import decode
from rag.types import Pixels

LONGEST_SIDE: Final = 2000
"""Pixels. The models shrink larger pictures themselves."""
LEAST_CONFIDENCE: Final = 0.6
"""Lines below it are rather patterns and ornaments than text."""
MOST_CHARACTERS: Final = 16_000
"""So much fits into the field that keeps it, in any script."""
MODELS: Final[Mapping[str, str]] = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
"""Finds lines, turns those that stand on their head, reads them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Lines of text with line ends between, and how sure the model is of them, in [0, 1]; 0 without text."""

    text: str = ""
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, where it lies in pixels, and how sure the model is of it."""

    text: str
    confidence: float
    left: float
    top: float
    bottom: float


class Ocr:
    """Reads pictures with ``threads`` threads. The models are loaded at first use."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._engine: Any = None

    def read(self, pixels: Pixels) -> Reading:
        """The text in a picture, uint8 of shape (height, width, 3), in the order of reading.

        Raises ModelUnavailable when rapidocr or its models are not there, and BadImage when it fails.
        """
        if self._engine is None:
            self._engine = _loaded(self._threads)
        try:
            # The models were made for blue first.
            found = self._engine(pixels[:, :, ::-1])
        except Exception as error:  # a model may raise anything on one odd picture
            raise BadImage(f"its text cannot be read: {type(error).__name__}: {error}") from None
        if found.txts is None or found.boxes is None:
            return Reading()
        lines = [
            Line(text, float(score), *(float(v) for v in (box[:, 0].min(), box[:, 1].min(), box[:, 1].max())))
            for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
        ]
        return reading_of(lines)


def read_picture(data: bytes, max_pixels: int) -> Reading:
    """The text in a picture file: what runs in the sandbox. Raises BadImage and ModelUnavailable."""
    return _ocr().read(decode(data, max_pixels=max_pixels, max_side=LONGEST_SIDE))


def reading_of(lines: Sequence[Line]) -> Reading:
    """Lines in the order of reading, without those that are too unsure; confidence is the mean by length."""
    sure = [line for line in lines if line.confidence >= LEAST_CONFIDENCE and line.text.strip()]
    rows = rows_of(sure)
    text = "\n".join(" ".join(line.text.strip() for line in row) for row in rows)[:MOST_CHARACTERS]
    weight = sum(len(line.text) for line in sure)
    mean = sum(line.confidence * len(line.text) for line in sure) / weight if weight else 0.0
    return Reading(text, mean)


def rows_of(lines: Sequence[Line]) -> list[list[Line]]:
    """From top to bottom, and what stands beside each other from left to right.

    A line belongs to a row when its middle lies within the row's first line.
    """
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.top + line.bottom):
        first = rows[-1][0] if rows else None
        if first is not None and first.top <= (line.top + line.bottom) / 2 <= first.bottom:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


@cache
def _ocr() -> Ocr:
    return Ocr()


def _loaded(threads: int) -> Any:
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise ModelUnavailable("reading text in pictures needs rapidocr: install it, or set OLHAR_OCR=off")
    folder = Path(spec.origin).parent / "models"
    missing = [name for name in MODELS.values() if not (folder / name).is_file()]
    if missing:  # rapidocr would try to download them
        raise ModelUnavailable(
            f"rapidocr lacks {', '.join(missing)}: install it as constraints.txt has it, or set OLHAR_OCR=off"
        )
    try:
        from rapidocr import RapidOCR  # takes a second, and only who reads a picture needs it

        engine = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": threads for kind in ("intra", "inter")}
        paths = {f"{part}.model_path": str(folder / name) for part, name in MODELS.items()}
        return RapidOCR(params={"Global.log_level": "critical", **engine, **paths})
    except Exception as error:
        raise ModelUnavailable(
            f"rapidocr cannot be loaded: {type(error).__name__}: {error}; mend it, or set OLHAR_OCR=off"
        ) from None
