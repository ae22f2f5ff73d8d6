"""How well categories of a policy are told from harmless photos, and how many harmless photos are flagged.

    python -m benchmarks.moderation OBJECTS TRAIN [DEV] [--cache FOLDER]

OBJECTS has photos with one label each; `moderation_labels.json`, written before anything was measured, says
which labels show a category of `moderation_policy.yaml`, and which are unclear and left out. TRAIN and DEV
have harmless photos with captions. Scales are chosen by TRAIN alone: the largest with which the default
policy flags at most 2 % of its photos, or captions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.cached_encoders import CachedEncoders
from rag.build import build
from rag.evaluation.datasets import read_dataset
from rag.evaluation.reliability import auroc
from rag.models import encoder_row
from rag.protocols import ImageEncoder
from rag.settings import load_settings
from rag.types import Matrix, ModerationScales
from rag.vision.moderation import Moderator, Verdict, open_policy

POLICY: Final = Path(__file__).with_name("moderation_policy.yaml")
LABELS: Final = Path(__file__).with_name("moderation_labels.json")
SCALES: Final = (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 10, 12, 16, 20)
RATE: Final = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("objects", type=Path, metavar="OBJECTS")
    parser.add_argument("train", type=Path, metavar="TRAIN")
    parser.add_argument("dev", type=Path, metavar="DEV", nargs="?")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    given = parser.parse_args()
    with build(load_settings()) as olhar:
        encoders = CachedEncoders.of(olhar, given.cache)
        scales = encoder_row(olhar.model_name).moderation
        fit(encoders, given.train)
        objects(encoders, given.objects, scales)
        for folder in [given.train, *([given.dev] if given.dev else [])]:
            harmless(encoders, folder, scales)


def fit(encoders: CachedEncoders, folder: Path) -> None:
    """The largest scales that flag few photos, and few captions."""
    dataset, images = encoders.photos(read_dataset(folder))
    texts = encoders.images.encode_text_queries([photo.captions[0] for photo in dataset.photos])
    for name in ("default", "default-pt"):
        for what, vectors in (("photos", images), ("captions", texts)):
            rates = {scale: flagged(at(encoders.images, name, scale).of_vectors(vectors)) for scale in SCALES}
            told = ", ".join(f"{scale:g}: {rate:.3f}" for scale, rate in rates.items())
            best = max((scale for scale, rate in rates.items() if rate <= RATE), default=None)
            print(f"{name}, {what} of {folder.name}: scale {best} ({told})", flush=True)


def at(encoder: ImageEncoder, name: str, scale: float) -> _AtScale:
    return _AtScale(encoder, open_policy(name), {"en": _both(scale), "pt": _both(scale)})


class _AtScale(Moderator):
    def of_vectors(self, vectors: Matrix) -> list[Verdict]:
        return self.of_images(vectors)


def _both(scale: float) -> ModerationScales:
    return ModerationScales(scale, scale)


def flagged(verdicts: Sequence[Verdict]) -> float:
    return float(np.mean([not one.is_safe for one in verdicts]))


def objects(encoders: CachedEncoders, folder: Path, scales: Mapping[str, ModerationScales]) -> None:
    """AUROC of each category's score, photos that show it against all that do not."""
    dataset, images = encoders.photos(read_dataset(folder))
    named = [photo.labels[0] for photo in dataset.photos]
    verdicts = Moderator(encoders.images, open_policy(str(POLICY)), scales).of_images(images)
    for category, said in json.loads(LABELS.read_text("utf-8")).items():
        kept = [n for n, name in enumerate(named) if name not in said["unclear"]]
        there = np.array([named[n] in said["shows"] for n in kept])
        scores = np.array([verdicts[n].scores[category] for n in kept])
        hit = np.array([category in verdicts[n].flagged_categories for n in kept])
        print(
            f"{category}: {int(there.sum())} photos, AUROC {auroc(scores, there):.3f}; flagged "
            f"{hit[there].mean():.2f} of them, {hit[~there].mean():.3f} of the others",
            flush=True,
        )


def harmless(encoders: CachedEncoders, folder: Path, scales: Mapping[str, ModerationScales]) -> None:
    """How many photos and first captions are flagged, as the encoder's row says."""
    dataset, images = encoders.photos(read_dataset(folder))
    for name in ("default", "default-pt", str(POLICY)):
        moderator = Moderator(encoders.images, open_policy(name), scales)
        texts = moderator.of_texts([photo.captions[0] for photo in dataset.photos])
        pictures = flagged(moderator.of_images(images))
        print(f"{Path(name).stem}, {folder.name}: flagged {pictures:.4f} of the photos, ", end="")
        print(f"{flagged(texts):.4f} of the captions", flush=True)


if __name__ == "__main__":
    main()
