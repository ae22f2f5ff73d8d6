"""Peak memory and time of a training step of CLIP ViT-B/32 with LoRA, by the size of the chunk.

    python -m benchmarks.train_memory [--batch 48] [--chunks 48 8]

Each chunk size is a process of its own with random weights and pictures of noise; one step, the validation
left out.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.random_clip import random_vit_b_32
from rag.encoders.batching import Batches
from rag.training.datasets import Photo, Photos
from rag.training.dual import Dual
from rag.training.gradcache import backward
from rag.training.lora import add_lora
from rag.training.losses import symmetric_info_nce
from rag.training.pairs import PhotoPairs

RANK = 16
WORDS = "a long caption of twenty or more words "


def write_pictures(folder: Path, count: int) -> Photos:
    """Pictures of noise, each with a caption."""
    rng = np.random.default_rng(0)
    photos = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.fromarray(rng.integers(0, 255, (224, 224, 3), np.uint8)).save(path)
        photos.append(Photo(path, (f"{WORDS}{number}",)))
    return Photos("noise", tuple(photos))


def step(folder: Path, batch: int, chunk: int) -> None:
    """One step; prints its peak memory (MiB) and its seconds."""
    dual = Dual.load(str(folder / "model"), device="cpu")
    before = _peak()
    add_lora(dual.towers, RANK)
    dual.log_scale.requires_grad_(True)
    dual.train()
    pairs = PhotoPairs(dual, write_pictures(folder, batch), Batches(chunk, model="noise", setting="MODEL"))
    prepared = pairs.prepare(torch.arange(batch), chunk)
    optimiser = torch.optim.AdamW(dual.learned().values())
    began = time.perf_counter()
    backward(
        prepared.image,
        prepared.text,
        lambda image, text: symmetric_info_nce(dual.logits(image, text), prepared.positives),
    )
    optimiser.step()
    seconds = time.perf_counter() - began
    print(f"chunk {chunk}: peak {_peak():,.0f} MiB ({before:,.0f} with the model alone), {seconds:.1f} s")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--chunks", type=int, nargs="+", default=[48, 8])
    parser.add_argument("--step", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step(given.step, given.batch, given.chunks[0])
        return
    with tempfile.TemporaryDirectory() as work:
        random_vit_b_32(Path(work) / "model")
        for chunk in given.chunks:
            arguments = ["--step", work, "--batch", str(given.batch), "--chunks", str(chunk)]
            subprocess.run([sys.executable, "-m", "benchmarks.train_memory", *arguments], check=True)


if __name__ == "__main__":
    main()
