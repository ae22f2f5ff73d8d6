"""What is known of each model: one frozen row a model. Adding a model is adding a row."""

from __future__ import annotations

from dataclasses import dataclass

from rag.types import Calibration, LegWeights

GENERIC = Calibration(
    full=LegWeights(bias=-15.0, image=40.0, caption=10.0, bm25=1.0),
    image_only=LegWeights(bias=-12.0, image=50.0),
    text_only=LegWeights(bias=-6.0, caption=12.0, bm25=2.0),
    image_query=LegWeights(bias=-12.0, image=16.0),
    fitted=False,
)
"""For a CLIP-like model that nobody has fitted: the order is sensible, the probability is a guess."""


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """``languages`` are ISO 639-1 codes; empty when its authors name none."""

    name: str
    languages: tuple[str, ...]
    licence: str
    calibration: Calibration = GENERIC


ENCODERS: tuple[EncoderRow, ...] = (
    EncoderRow(
        "compact",
        languages=("en",),
        licence="Apache-2.0 (both towers)",
        calibration=Calibration(
            full=LegWeights(bias=-5.0, image=4.0, caption=9.5, bm25=1.5),
            image_only=LegWeights(bias=-4.9, image=10.0),
            text_only=LegWeights(bias=-4.8, caption=10.0, bm25=1.5),
            image_query=LegWeights(bias=-7.2, image=12.0),
        ),
    ),
    EncoderRow("sentence-transformers/clip-ViT-B-32", languages=("en",), licence="MIT"),
    EncoderRow("sentence-transformers/clip-ViT-L-14", languages=("en",), licence="MIT"),
)


def encoder_row(name: str) -> EncoderRow:
    """The row of a model, or a row that says nothing but its name."""
    for row in ENCODERS:
        if row.name == name:
            return row
    return EncoderRow(name, languages=(), licence="see the model")
