"""Ingestion against encoding alone, in turns within one run: how much of the encoder's speed is left?

    python -m benchmarks.ingest_speed FOLDER [--rounds 3]

FOLDER holds photos, with captions beside them or in `captions.jsonl`. “Encoding alone” decodes the files and
encodes pictures and captions, in this process, and keeps nothing. “Ingestion” is `olhar ingest FOLDER` as a
process of its own into a fresh data folder, from start to end. Prints photos/s of both, their ratio, the
peak memory of the ingestion, and the time of a second ingestion, which has nothing to do, as a share of the
first: by the clock, and by processor time, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.sources import SourceFile, walk
from rag.build import Olhar, build
from rag.images import decode
from rag.settings import load_settings

BATCH = 64


def encode_alone(olhar: Olhar, files: Sequence[SourceFile]) -> float:
    """Seconds to decode and encode everything, one batch after the other."""
    started = time.perf_counter()
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        pictures = [decode(file.read(), max_pixels=10**9, max_side=1024) for file in batch]
        olhar.encoder.encode_images(pictures)
        olhar.text_encoder.encode_documents([file.description.caption for file in batch])
    return time.perf_counter() - started


def ingest(folder: Path, data: Path) -> tuple[float, float]:
    """Seconds of one `olhar ingest`, from start to exit, by the clock and of processor time."""
    command = [str(Path(sys.executable).with_name("olhar")), "ingest", str(folder), "--json"]
    started, before = time.perf_counter(), _children()
    subprocess.run(
        command, env={**os.environ, "OLHAR_DATA": str(data)}, stdout=subprocess.DEVNULL, check=False
    )
    return time.perf_counter() - started, _children() - before


def _children() -> float:
    """Seconds of processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    files = [file for file in walk([options.folder]) if file.refused is None]
    ratios = []
    with tempfile.TemporaryDirectory() as folder, build(load_settings(data=Path(folder) / "alone")) as olhar:
        olhar.warm_models()
        for turn in range(options.rounds):
            alone = encode_alone(olhar, files)
            whole, work = ingest(options.folder, Path(folder) / str(turn))
            again, little = ingest(options.folder, Path(folder) / str(turn))
            ratios.append(alone / whole)
            print(
                f"round {turn + 1}: encoding alone {len(files) / alone:.1f} photos/s, "
                f"ingestion {len(files) / whole:.1f} photos/s, ratio {alone / whole:.2f}, "
                f"again {again:.2f} s ({again / whole:.3f} of the first, "
                f"{little / work:.3f} by processor time)"
            )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"median ratio {statistics.median(ratios):.2f}; peak memory of an ingestion {peak:.2f} GiB")


if __name__ == "__main__":
    main()
