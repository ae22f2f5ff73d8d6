"""Photos/s from files on disk, against what the processor could do at best.

    python -m benchmarks.encode_speed FOLDER [--photos 192] [--rounds 3]

For `compact` and for a CLIP ViT-B/32 with random weights, exported to ONNX, in turns within one run:

- preparation: read, hash, decode, keep the original, resize; in one thread, seconds a photo
- forward: the encoder on prepared pictures, seconds a photo
- ingestion: `ingest.run.ingest` of the files into a store that is a dict
- the additive bound: 1 / (forward + preparation / cores)

Then the same files through ViT-B/32 in three ways: a plain loop of `SentenceTransformer.encode`, the export
in fp32, the export in int8. Prints medians, and the middle half of the ratios. On a machine that others use
too, the ratio of processor times says more.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sentence_transformers import SentenceTransformer

from benchmarks.dict_store import DictStore
from benchmarks.random_clip import random_vit_b_32
from ingest import steps
from ingest.run import ingest
from ingest.sources import SourceFile, walk
from ingest.steps import Task
from rag.blobs import Blobs
from rag.build import Olhar, build
from rag.encoders.compact.compile import IMAGE_SIDE
from rag.encoders.export import export_dual
from rag.encoders.exported import ImageRecipe
from rag.encoders.onnx_dual import OnnxDualEncoder, prepare
from rag.encoders.parity import Limits, Sample
from rag.images import decode, working_picture
from rag.protocols import ImageEncoder, TextEncoder
from rag.records.records import Records
from rag.settings import Settings, load_settings
from rag.types import Pixels, Scope
from rag.vision.zero_shot import ZeroShot

BATCH = 64
LOOP_BATCH = 32
"""The batch of `SentenceTransformer.encode`'s own default."""
SCOPE = Scope("bench", "bench")
Times: TypeAlias = NDArray[np.float64]
ANY = Limits(cosine=-1, loss=1)


@dataclass(eq=False)
class Parts:
    """What ingestion needs, with everything but the encoder as cheap as can be."""

    settings: Settings
    encoder: ImageEncoder
    text_encoder: TextEncoder
    blobs: Blobs
    staged: Blobs
    records: Records
    store: DictStore = field(default_factory=DictStore)
    captioner: None = None
    moderator: None = None

    @property
    def zero_shot(self) -> ZeroShot:
        return ZeroShot(self.encoder, ())


def timed(work: Callable[[], object]) -> Times:
    """Seconds that it takes, by the clock and of processor time in all threads."""
    started = time.perf_counter(), time.process_time()
    work()
    return np.array([time.perf_counter() - started[0], time.process_time() - started[1]])


def prepared(files: Sequence[SourceFile], recipe: ImageRecipe, blobs: Blobs) -> list[Pixels]:
    """All steps before the forward pass, in one thread."""
    pictures = []
    for place, file in enumerate(files):
        task = Task.of(place, file, all_captions=False)
        steps.load(task, SCOPE, 2**30, file_metadata=True)
        steps.decode(task, blobs, partial(working_picture, max_pixels=10**9), 320)
        assert task.pixels is not None, task.receipt
        pictures.append(prepare(task.pixels, recipe))
    return pictures


def forward(encoder: ImageEncoder, pictures: Sequence[Pixels]) -> None:
    for start in range(0, len(pictures), BATCH):
        encoder.encode_images(pictures[start : start + BATCH])


def against_bound(
    name: str,
    olhar: Olhar,
    encoder: ImageEncoder,
    recipe: ImageRecipe,
    files: Sequence[SourceFile],
    rounds: int,
) -> None:
    """Print preparation, forward, ingestion and the bound."""
    cores = len(os.sched_getaffinity(0))
    rows: list[list[Times]] = []
    with tempfile.TemporaryDirectory() as folder:
        places = iter(range(10**6))
        pictures = prepared(files, recipe, Blobs(f"{folder}/first"))
        forward(encoder, pictures[:BATCH])
        for _ in range(rounds):
            preparing = timed(partial(prepared, files, recipe, Blobs(f"{folder}/{next(places)}")))
            before = timed(partial(forward, encoder, pictures))
            own = Path(folder) / str(next(places))
            records = Records(f"sqlite:///{own}/records.db")
            originals, staged = Blobs(str(own / "originals")), Blobs(str(own / "staged"))
            parts = Parts(olhar.settings, encoder, olhar.text_encoder, originals, staged, records)
            whole = timed(partial(ingest, parts, SCOPE, files))
            records.close()
            # The machine may slow down meanwhile: forward is measured on both sides.
            passing = (before + timed(partial(forward, encoder, pictures))) / 2
            rows.append([preparing, passing, whole])
    clock, processor = np.moveaxis(np.array(rows), 2, 0) / len(files) * 1e3
    bound = clock[:, 1] + clock[:, 0] / cores
    ratios = bound / clock[:, 2]
    spent = processor[:, :2].sum(axis=1) / processor[:, 2]
    median = np.median(clock, axis=0)
    print(
        f"{name}: preparation {median[0]:.1f} ms, forward {median[1]:.1f} ms, "
        f"bound {1e3 / np.median(bound):.1f} photos/s, ingestion {1e3 / median[2]:.1f} photos/s; "
        f"ratio by the clock {shown(ratios)}, by processor time {shown(spent)}",
        flush=True,
    )


def plain_loop(model: SentenceTransformer, paths: Sequence[Path]) -> None:
    """What one writes without Olhar."""
    for start in range(0, len(paths), LOOP_BATCH):
        pictures = [Image.open(path).convert("RGB") for path in paths[start : start + LOOP_BATCH]]
        model.encode(pictures, batch_size=LOOP_BATCH, normalize_embeddings=True)


def exported(encoder: ImageEncoder, paths: Sequence[Path]) -> None:
    for start in range(0, len(paths), BATCH):
        some = paths[start : start + BATCH]
        encoder.encode_images([decode(path.read_bytes(), max_pixels=10**9, max_side=1024) for path in some])


def in_turns(
    ways: Mapping[str, Callable[[Sequence[Path]], object]], paths: Sequence[Path], rounds: int
) -> None:
    """Print photos/s of each way and its ratio to the first; they take turns at every batch."""
    took: dict[str, list[Times]] = {name: [] for name in ways}
    batches = [paths[i : i + LOOP_BATCH] for i in range(0, len(paths) - LOOP_BATCH + 1, LOOP_BATCH)]
    for way in ways.values():
        way(batches[0])
    for batch in batches * rounds:
        for name, way in ways.items():
            took[name].append(timed(partial(way, batch)))
    first = np.array(took[next(iter(ways))])
    for name, times in took.items():
        clock, processor = (first / np.array(times)).T
        speed = LOOP_BATCH / np.median(np.array(times)[:, 0])
        print(
            f"{name}: {speed:.1f} photos/s; times {next(iter(ways))}: by the clock {shown(clock)}, "
            f"by processor time {shown(processor)}",
            flush=True,
        )


def shown(values: Times) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    files = [file for file in walk([options.folder]) if file.refused is None][: options.photos]
    paths = [file.path for file in files if file.path is not None]
    plain = [SourceFile.of(path) for path in paths]
    with tempfile.TemporaryDirectory() as folder, build(load_settings(data=Path(folder) / "data")) as olhar:
        place = Path(folder)
        olhar.warm_models()
        stretched = ImageRecipe(resample=3, size=(IMAGE_SIDE, IMAGE_SIDE))
        against_bound("compact", olhar, olhar.encoder, stretched, plain, options.rounds)
        model = random_vit_b_32(place / "vit-b-32")
        sample = Sample([decode(paths[0].read_bytes(), max_pixels=10**9)], ["a"])
        export_dual(str(model), place / "fp32", precision="fp32", sample=sample, limits=ANY)
        export_dual(str(model), place / "int8", precision="int8", sample=sample, limits=ANY)
        full, small = OnnxDualEncoder(place / "fp32"), OnnxDualEncoder(place / "int8")
        cropped = ImageRecipe(resample=3, shorter=224, crop=(224, 224))
        some = max(LOOP_BATCH, options.photos // 2)
        against_bound("ViT-B/32, ONNX fp32", olhar, full, cropped, plain[:some], options.rounds)
        loop = SentenceTransformer(str(model), device="cpu")
        ways: dict[str, Callable[[Sequence[Path]], object]] = {
            "SentenceTransformer.encode": partial(plain_loop, loop),
            "ONNX fp32": partial(exported, full),
            "ONNX int8": partial(exported, small),
        }
        in_turns(ways, paths[:some], options.rounds)


if __name__ == "__main__":
    main()
