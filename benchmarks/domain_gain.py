"""What tuning the heads of `compact` brings on a domain of photos that they were not trained on.

    python -m benchmarks.domain_gain PHOTOS DEV [--word dog] [--photos N] [--epochs 10] [--cache FOLDER]

Photos of PHOTOS with the word in most of their captions are the domain: four in five to tune on, the others
kept back. First heads are trained from nothing on the photos without the word (at most N of them), then
they are tuned on the domain with the former replayed. Measured, before and after, is text to image on what
was kept back and on DEV, which nothing was trained on. PHOTOS and DEV are folders with a `captions.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.heads_recall import Bench
from rag.build import build
from rag.settings import load_settings
from rag.training.compact import Plan
from rag.training.datasets import Photo, read_photos
from rag.training.trainer import Recipe

KEPT_BACK = 0.2


def in_domain(photo: Photo, word: str) -> bool:
    """Whether most captions have the word, or its plural in s."""
    found = [bool(re.search(rf"\b{re.escape(word)}s?\b", caption.lower())) for caption in photo.captions]
    return sum(found) > len(found) / 2


def mentions(photo: Photo, word: str) -> bool:
    return word in " ".join(photo.captions).lower()


def write(folder: Path, photos: Sequence[Photo]) -> Path:
    """A data set of these photos where they are."""
    folder.mkdir()
    rows = [json.dumps({"file": str(p.path.resolve()), "captions": p.captions}) for p in photos]
    (folder / "captions.jsonl").write_text("\n".join(rows), "utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos_folder", metavar="PHOTOS", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--word", default="dog")
    parser.add_argument("--photos", type=int, default=10**9)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    photos = read_photos(given.photos_folder).photos
    order = np.random.default_rng(0).permutation(len(photos))
    domain = [photos[n] for n in order if in_domain(photos[n], given.word)]
    others = [photos[n] for n in order if not mentions(photos[n], given.word)][: given.photos]
    cut = round(KEPT_BACK * len(domain))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        kept_back = write(work / f"{given.word}s kept back", domain[:cut])
        own, rest = write(work / "own", domain[cut:]), write(work / "others", others)
        print(
            f"{len(domain) - cut} photos of the domain to tune on, {len(others)} without the word", flush=True
        )
        bench = Bench(build(load_settings()).models, given.cache or work / "cache")
        recipe = Recipe(epochs=given.epochs)
        start = bench.train(Plan(rest, work / "first", recipe))
        bench.tell("before", start, kept_back, given.dev)
        tuned = bench.train(Plan(own, work / "tuned", recipe, start=start, replay=rest))
        bench.tell("tuned", tuned, kept_back, given.dev)


if __name__ == "__main__":
    main()
