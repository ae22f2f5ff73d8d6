"""What int8 costs and brings: recall before and after, and photos/s of the nets in turns.

    python -m benchmarks.export_parity DATA CALIBRATION [--photos 974] [--rounds 4]

DATA is a folder with a `captions.jsonl`, CALIBRATION a folder of other photos. Exports `compact`, and a CLIP
ViT-B/32 with random weights; of the latter not recall, which is chance, but how many of a photo's ten nearest
photos stay the same. Then both precisions encode the same photos, in turns at every batch.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.encode_speed import ANY, shown, timed
from benchmarks.random_clip import random_vit_b_32
from ingest.sources import walk
from rag.build import build
from rag.encoders.compact import TextTower
from rag.encoders.compact.compile import IMAGE_SIDE
from rag.encoders.export import Exported, export_compact, export_dual
from rag.encoders.onnx_dual import OnnxDualEncoder
from rag.encoders.opening import open_exported
from rag.encoders.parity import Sample
from rag.evaluation.datasets import read_dataset
from rag.images import decode, resize
from rag.protocols import ImageEncoder
from rag.settings import load_settings
from rag.types import Pixels

CALIBRATION = 256
BATCH = 16


def sample(folder: Path, photos: int) -> Sample:
    """Photos and their captions."""
    some = read_dataset(folder).photos[:photos]
    asked = [(caption, place) for place, photo in enumerate(some) for caption in photo.captions]
    pictures = [decode(photo.path.read_bytes(), max_pixels=10**9) for photo in some]
    return Sample(pictures, [caption for caption, _ in asked], [place for _, place in asked])


def report(name: str, done: Exported) -> None:
    print(f"{name}: {done.megabytes:.1f} MB, {json.dumps(done.parity.as_json())}", flush=True)


def speeds(
    name: str, full: ImageEncoder, small: ImageEncoder, pictures: Sequence[Pixels], rounds: int
) -> None:
    """Print how much faster the second is."""
    batches = [pictures[i : i + BATCH] for i in range(0, len(pictures), BATCH)]
    for encoder in (full, small):
        encoder.encode_images(batches[0])
    pairs = [
        [timed(partial(encoder.encode_images, batch)) for encoder in (full, small)]
        for batch in batches * rounds
    ]
    clock, processor = np.moveaxis(np.array(pairs), 2, 0)
    fast = BATCH / np.median(clock, axis=0)
    print(
        f"{name}: fp32 {fast[0]:.1f} photos/s, int8 {fast[1]:.1f} photos/s; faster by the clock "
        f"{shown(clock[:, 0] / clock[:, 1])}, by processor time {shown(processor[:, 0] / processor[:, 1])}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("calibration", type=Path)
    parser.add_argument("--photos", type=int, default=974)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    known = sample(options.data, options.photos)
    others = [file for file in walk([options.calibration]) if file.refused is None][:CALIBRATION]
    calibration = [decode(file.read(), max_pixels=10**9) for file in others]
    few = known.pictures[: 6 * BATCH]
    with tempfile.TemporaryDirectory() as folder, build(load_settings(data=Path(folder) / "data")) as olhar:
        place = Path(folder)
        out = place / "compact"
        report(
            "compact", export_compact(olhar.models, out, sample=known, calibration=calibration, limits=ANY)
        )
        small, _ = open_exported(out, TextTower(olhar.models))
        square = [resize(picture, (IMAGE_SIDE, IMAGE_SIDE)) for picture in few]
        speeds("compact", olhar.encoder, small, square, options.rounds)
        model = str(random_vit_b_32(place / "vit-b-32"))
        part = Sample(few, known.texts[:64])
        for precision in ("fp32", "int8"):
            export = export_dual(model, place / precision, precision=precision, sample=part, limits=ANY)
            report(f"ViT-B/32 {precision}", export)
        full, less = OnnxDualEncoder(place / "fp32"), OnnxDualEncoder(place / "int8")
        middle = [picture[:224, :224] for picture in few]
        speeds("ViT-B/32", full, less, middle[: 2 * BATCH], options.rounds)


if __name__ == "__main__":
    main()
