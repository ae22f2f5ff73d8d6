"""clip-retrieval's own reader, mapper and writer, run by an interpreter that has the package.

`benchmarks/clip_retrieval.py` starts it. It loads the model once, then encodes the whole folder for each line
on its standard input, and answers with the seconds by the clock and of processor time, its workers' included.
"""

from __future__ import annotations

import json
import os
import sys
import time

from all_clip import load_clip
from clip_retrieval.clip_inference.mapper import ClipMapper
from clip_retrieval.clip_inference.reader import FilesReader
from clip_retrieval.clip_inference.runner import Runner
from clip_retrieval.clip_inference.writer import NumpyWriter


class Silent:
    """Its logger, without the thread that writes statistics."""

    def __init__(self, partition: int) -> None:
        del partition

    def __call__(self, statistics: object) -> None: ...

    def start(self) -> None: ...

    def end(self) -> None: ...


def seconds() -> tuple[float, float]:
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


def main(model: str, photos: str, out: str, batch: int, workers: int) -> None:
    _, preprocess, tokenizer = load_clip(clip_model=model, use_jit=False, warmup_batch_size=batch)
    mapper = ClipMapper(
        enable_image=True, enable_text=False, enable_metadata=False, use_mclip=False, clip_model=model,
        use_jit=False, mclip_model="", warmup_batch_size=batch,
    )  # fmt: skip

    def reader(sampler: object) -> object:
        return FilesReader(sampler, preprocess, tokenizer, photos, batch, workers, enable_text=False)

    def writer(partition: int) -> object:
        return NumpyWriter(partition, out, False, True, False, 1)

    run = Runner(reader, lambda: mapper, writer, Silent, 1)
    for _ in sys.stdin:
        before = seconds()
        run(0)
        after = seconds()
        print(json.dumps([late - early for early, late in zip(before, after, strict=True)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
