"""What tuning the heads of `compact` brings in a domain they never saw, and what it costs elsewhere.

    python -m benchmarks.drawn_pictures PHOTOS DEV [--epochs 10] [--without-replay] [--cache FOLDER]

Draws pictures of two coloured shapes with captions, tunes the packaged heads on some of them with `--replay
PHOTOS` (the photos that they were trained on), and measures text to image on the drawings kept back and on
DEV, which nothing was trained on: before, tuned with replay, and tuned without. PHOTOS and DEV are folders
with a `captions.jsonl`. --cache keeps the features of PHOTOS between runs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.heads_recall import Bench
from rag.build import build
from rag.encoders.compact.heads import PACKAGED
from rag.settings import load_settings
from rag.training.compact import Plan
from rag.training.trainer import Recipe

COLOURS = {
    "red": (214, 39, 40), "green": (44, 160, 44), "blue": (31, 80, 200), "yellow": (240, 210, 40),
    "purple": (130, 60, 180), "orange": (255, 127, 14),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star", "cross")
GROUNDS = {"white": (250, 250, 250), "grey": (150, 150, 150), "black": (15, 15, 15)}
WORDINGS = (
    "a drawing of a {first} and a {second} on a {ground} ground",
    "{second} beside {first}, {ground} background",
    "somebody drew a {first} next to a {second} on {ground}",
)
SIDE = 224
DRAWINGS, KEPT_BACK = 600, 150

Thing = tuple[str, str]
"""A colour and a shape."""


def draw(things: tuple[Thing, Thing], ground: str, rng: np.random.Generator) -> Image.Image:
    """One thing in the left half, one in the right, each a little turned."""
    picture = Image.new("RGB", (SIDE, SIDE), GROUNDS[ground])
    brush = ImageDraw.Draw(picture)
    for place, (colour, shape) in enumerate(things):
        radius = rng.uniform(34, 50)
        x = SIDE * (0.25 + 0.5 * place) + rng.uniform(-4, 4)
        y = rng.uniform(radius, SIDE - radius)
        if shape == "circle":
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=COLOURS[colour])
        else:
            brush.polygon(_corners(shape, x, y, radius, rng.uniform(-0.2, 0.2)), fill=COLOURS[colour])
    return picture


def _corners(shape: str, x: float, y: float, radius: float, turn: float) -> list[tuple[float, float]]:
    return [
        (x + radius * length * np.sin(turn + angle), y - radius * length * np.cos(turn + angle))
        for angle, length in zip(*OUTLINES[shape], strict=True)
    ]


def _even(corners: int, *lengths: float) -> tuple[list[float], list[float]]:
    return [2 * np.pi * n / corners for n in range(corners)], [
        lengths[n % len(lengths)] for n in range(corners)
    ]


_CROSS = [
    (-1, -3),
    (1, -3),
    (1, -1),
    (3, -1),
    (3, 1),
    (1, 1),
    (1, 3),
    (-1, 3),
    (-1, 1),
    (-3, 1),
    (-3, -1),
    (-1, -1),
]
OUTLINES: dict[str, tuple[list[float], list[float]]] = {
    "square": ([np.pi / 4 + np.pi / 2 * n for n in range(4)], [1.0] * 4),
    "triangle": _even(3, 1.0),
    "star": _even(10, 1.0, 0.42),
    "cross": ([float(np.arctan2(x, -y)) for x, y in _CROSS], [float(np.hypot(x, y)) / 3 for x, y in _CROSS]),
}
"""Corners of a shape: angle from the top, clockwise, and distance from the middle."""


def write_drawings(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Two folders with a captions.jsonl: drawings to train on, and those kept back. No combination of two
    things and a ground is in both, or twice in one.
    """
    rng = np.random.default_rng(seed)
    pairs = itertools.combinations(itertools.product(COLOURS, SHAPES), 2)
    kinds = list(itertools.product(pairs, GROUNDS))
    parts = folder / "train", folder / "kept_back"
    for part in parts:
        part.mkdir(parents=True)
    rows: tuple[list[str], list[str]] = [], []
    for number, kind in enumerate(rng.permutation(len(kinds))[:DRAWINGS]):
        which = int(number < KEPT_BACK)
        (one, other), ground = kinds[kind]
        things = (one, other) if rng.random() < 0.5 else (other, one)
        draw(things, ground, rng).save(parts[which] / f"{number}.png")
        first, second = (" ".join(thing) for thing in things)
        said = [wording.format(first=first, second=second, ground=ground) for wording in WORDINGS]
        rows[which].append(json.dumps({"file": f"{number}.png", "captions": said}))
    for part, lines in zip(parts, rows, strict=True):
        (part / "captions.jsonl").write_text("\n".join(lines), "utf-8")
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--without-replay", action="store_true")
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        train, kept_back = write_drawings(work)
        bench = Bench(build(load_settings()).models, given.cache or work / "cache")
        bench.tell("before", PACKAGED, kept_back, given.dev)
        recipe = Recipe(epochs=given.epochs)
        plan = Plan(train, work / "tuned", recipe, start=PACKAGED, replay=given.photos, validation=0.1)
        bench.tell("tuned with replay", bench.train(plan), kept_back, given.dev)
        if given.without_replay:
            # So many fewer captions need smaller batches and more passes to come to as many steps.
            recipe = Recipe(epochs=5 * given.epochs, batch=128)
            plan = Plan(train, work / "alone", recipe, start=PACKAGED, validation=0.1)
            bench.tell("tuned without replay", bench.train(plan), kept_back, given.dev)


if __name__ == "__main__":
    main()
