"""Photos on disk to vectors: Olhar against clip-retrieval's inference, on the same random ViT-B/32.

    python -m benchmarks.clip_retrieval FOLDER --python PEER [--photos 64] [--rounds 3]

PEER is the interpreter of an environment of its own that has clip-retrieval: its requirements contradict
Olhar's. In turns within one run, in batches of 32: clip-retrieval's reader, mapper and writer on the weights
in torch, then Olhar's encoder in torch, its export in fp32, and that in int8, each reading and decoding the
same files. Models are loaded before. Prints ratios of times, clip-retrieval's to Olhar's: more than 1 says
that Olhar is faster. On a machine that others use too, the ratio of processor times says more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.encode_speed import ANY, Times, shown, timed
from benchmarks.random_clip import random_vit_b_32
from ingest.sources import walk
from rag.encoders.export import export_dual
from rag.encoders.onnx_dual import OnnxDualEncoder
from rag.encoders.overlap import overlapped
from rag.encoders.parity import Sample
from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.images import decode
from rag.protocols import ImageEncoder
from rag.types import Matrix, Pixels

BATCH = 32
PEER = Path(__file__).with_name("clip_retrieval_peer.py")


class Peer:
    """clip-retrieval in a process of its own, with its model loaded."""

    def __init__(self, python: str, model: Path, photos: Path, out: Path) -> None:
        self._out = out
        workers = len(os.sched_getaffinity(0))
        arguments = [f"hf_clip:{model}", str(photos), str(out), str(BATCH), str(workers)]
        # -P: this folder holds a module of clip-retrieval's name.
        self._process = subprocess.Popen(
            [python, "-P", str(PEER), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self) -> Times:
        """Seconds of encoding the folder, by the clock and of processor time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("["):  # it prints other things too
                return np.array(json.loads(line))
        sys.exit("clip-retrieval ended; what it printed stands above")

    def vectors(self) -> Matrix:
        """What the last call wrote, in order of the files' names."""
        (path,) = (self._out / "img_emb").glob("*.npy")
        return np.asarray(np.load(path), np.float32)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def encoded(encoder: ImageEncoder, paths: Sequence[Path]) -> Matrix:
    """The vectors of files; the next ones are read and decoded meanwhile."""
    batches = overlapped(paths, _decoded, batch=BATCH)
    return np.concatenate([encoder.encode_images(batch) for batch in batches])


def _decoded(path: Path) -> Pixels:
    return decode(path.read_bytes(), max_pixels=10**9, max_side=1024)


def in_turns(peer: Peer, ways: dict[str, Callable[[], object]], photos: int, rounds: int) -> None:
    """Print each round's seconds by the clock (of processor time), photos/s of all, and each way's ratios."""
    rows: list[list[Times]] = []
    for _ in range(rounds):
        rows.append([peer(), *(timed(way) for way in ways.values())])
        print("seconds:", ", ".join(f"{clock:.1f} ({own:.1f})" for clock, own in rows[-1]), flush=True)
    times = np.array(rows)
    speeds = photos / np.median(times[:, :, 0], axis=0)
    print(f"clip-retrieval: {speeds[0]:.1f} photos/s")
    for place, name in enumerate(ways, start=1):
        clock, processor = (times[:, 0] / times[:, place]).T
        print(
            f"Olhar, {name}: {speeds[place]:.1f} photos/s; times clip-retrieval: by the clock "
            f"{shown(clock)}, by processor time {shown(processor)}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", required=True)
    parser.add_argument("--photos", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        paths = _linked(options.folder, place / "photos", options.photos)
        model = random_vit_b_32(place / "vit-b-32")
        sample = Sample([_decoded(paths[0])], ["a"])
        encoders: dict[str, ImageEncoder] = {"torch": SentenceTransformerEncoder(str(model), device="cpu")}
        for precision in ("fp32", "int8"):
            export_dual(str(model), place / precision, precision=precision, sample=sample, limits=ANY)
            encoders[f"ONNX {precision}"] = OnnxDualEncoder(place / precision)
        peer = Peer(options.python, model, place / "photos", place / "out")
        try:
            peer()
            for name, encoder in encoders.items():
                cosine = np.einsum("nd,nd->n", encoded(encoder, paths), peer.vectors()).mean()
                print(f"Olhar, {name}: mean cosine to clip-retrieval's vectors {cosine:.4f}", flush=True)
            ways = {name: partial(encoded, encoder, paths) for name, encoder in encoders.items()}
            in_turns(peer, dict(ways), len(paths), options.rounds)
        finally:
            peer.close()


def _linked(folder: Path, out: Path, count: int) -> list[Path]:
    """Links to the first photos of a folder, named in their order."""
    out.mkdir()
    found = [file.path for file in walk([folder]) if file.refused is None and file.path is not None]
    links = []
    for number, path in enumerate(found[:count]):
        links.append(out / f"{number:06}{path.suffix.lower()}")
        links[-1].symlink_to(path.resolve())
    return links


if __name__ == "__main__":
    main()
