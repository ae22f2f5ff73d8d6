"""Fit the weight of what a question names, of questions that are pictures, and ``compact``'s factor from
cosine to logit.

    python -m benchmarks.fit_calibration PHOTOS OBJECTS [--cache FOLDER]

PHOTOS is the folder that the heads were trained on; only the photos held back there are used. OBJECTS is a
folder of photos with one label each; every other label is used, the others are left to check with. Prints

- LOGIT_SCALE of ``rag/encoders/compact/encoder.py``;
- for weights of ``named`` where a picture is all that is known: how well relevance tells labels whose photo
  is among a random half of OBJECTS from the others, and recall@1 of captions among pictures, which pays;
- the weights of ``image_query``.

What relevance a score stands for is fitted by ``benchmarks/fit_relevance.py``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.abstention import first_hits
from benchmarks.cached_encoders import CachedEncoders
from rag.build import build
from rag.evaluation.datasets import Dataset, read_dataset
from rag.evaluation.protocols import plan
from rag.evaluation.reliability import auroc
from rag.evaluation.scoring import Gallery
from rag.images import resize
from rag.protocols import ImageEncoder
from rag.retrieval.fusion import LegScores, calibrated
from rag.retrieval.insight import Insight
from rag.settings import load_settings
from rag.training.compact import Plan
from rag.training.datasets import load, read_photos
from rag.types import Calibration, Matrix, Pixels

HALVES: Final = range(11)
WEIGHTS: Final = (0, 4, 6, 8, 10, 12, 16, 24)

Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Held:
    """Photos that the heads were not trained on, questions about them, and the place of each one's photo."""

    images: Matrix
    captions: Sequence[Sequence[str]]
    stored: Matrix
    """Vectors of the first caption of each."""
    questions: Sequence[str]
    right: NDArray[np.intp]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("objects", type=Path, metavar="OBJECTS")
    parser.add_argument("--cache", type=Path, help="keeps vectors")
    given = parser.parse_args()
    with build(load_settings()) as olhar:
        encoders = CachedEncoders.of(olhar, given.cache)
        weights = olhar.row_calibration
        photos = held_back(given.photos)
        held = asked_of(photos, encoders)
        asked = encoders.for_images([group[1] for group in held.captions])
        print("LOGIT_SCALE, captions", slope(asked, held.images))
        bare = scores(held, encoders, captions=False)
        naming(encoders, read_dataset(given.objects), weights, held, bare)
        pixels = [load(photo) for photo in read_photos(given.photos).photos if photo.path in paths(photos)]
        show("image_query", *image_query(olhar.encoder, held.images, pixels))


def held_back(folder: Path, share: float | None = None, seed: int | None = None) -> Dataset:
    """The validation photos of a training run, unless told otherwise one with the default share and seed."""
    photos, plan = read_photos(folder).photos, Plan(folder, folder)
    count = round((plan.validation if share is None else share) * len(photos))
    order = np.random.default_rng(plan.recipe.seed if seed is None else seed).permutation(len(photos))
    chosen = {photos[n].path for n in order[:count]}
    dataset = read_dataset(folder)
    return replace(dataset, photos=tuple(photo for photo in dataset.photos if photo.path in chosen))


def paths(photos: Dataset) -> set[Path]:
    return {photo.path for photo in photos.photos}


def asked_of(photos: Dataset, encoders: CachedEncoders) -> Held:
    """Every caption but the first, which is stored, is a question."""
    photos, images = encoders.photos(photos)
    captions = [photo.captions for photo in photos.photos]
    asking = [(text, place) for place, group in enumerate(captions) for text in group[1:]]
    stored = encoders.texts.encode_documents([group[0] for group in captions])
    return Held(
        images,
        captions,
        stored,
        [text for text, _ in asking],
        np.array([place for _, place in asking], np.intp),
    )


def scores(held: Held, encoders: CachedEncoders, *, captions: bool) -> LegScores:
    """Of all photos for all questions, with or without the first captions stored."""
    texts = [group[0] if captions else "" for group in held.captions]
    vectors = dict(enumerate(held.stored)) if captions else {}
    gallery = Gallery(held.images, vectors, texts, Insight.of(encoders.images, encoders.texts))
    by_text = encoders.for_texts(held.questions) if captions else None
    return gallery.scores(held.questions, encoders.for_images(held.questions), by_text)


def naming(
    encoders: CachedEncoders, objects: Dataset, weights: Calibration, held: Held, bare: LegScores
) -> None:
    """What each weight of ``named`` is worth for labels, and costs for captions."""
    objects, images = encoders.photos(objects)
    asked = plan(objects, "labels")
    gallery = Gallery(images, {}, [""] * len(images), Insight.of(encoders.images, encoders.texts))
    vectors = encoders.for_images(asked.queries)
    print("LOGIT_SCALE, objects", slope(vectors, images[[places[0] for places in asked.relevant]]))
    legs = gallery.scores(asked.queries, vectors, None)
    for weight in WEIGHTS:
        tried = replace(weights, image_only=replace(weights.image_only, named=float(weight)))
        found = []
        for seed in HALVES:
            half = np.random.default_rng(seed).permutation(len(images))[: len(images) // 2]
            there = np.array([bool(np.isin(places, half).any()) for places in asked.relevant])
            first, _ = first_hits(_columns(legs, half), tried)
            found.append(auroc(first[::2], there[::2]) or 0.0)
        recall = (calibrated(bare, tried).argmax(axis=1) == held.right).mean()
        print(f"image_only named {weight}: AUROC {np.mean(found):.3f}, captions recall@1 {recall:.3f}")


def _columns(legs: LegScores, chosen: NDArray[np.intp]) -> LegScores:
    return LegScores(
        legs.image[:, chosen],
        legs.caption[:, chosen],
        legs.bm25[:, chosen],
        named=None if legs.named is None else legs.named[:, chosen],
    )


def slope(queries: Matrix, gallery: Matrix) -> float:
    """The factor that makes a softmax over the queries of all pictures likeliest; row n belongs to n."""
    cosines = torch.from_numpy(gallery @ queries.T)
    factor = torch.tensor(10.0, requires_grad=True)
    optimiser = torch.optim.LBFGS([factor], max_iter=60)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(cosines * factor, torch.arange(len(cosines)))
        loss.backward()  # type: ignore[no-untyped-call]  # so shipped
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]  # so shipped
    return round(float(factor.detach()), 2)


def image_query(encoder: ImageEncoder, images: Matrix, pixels: list[Pixels]) -> tuple[Matrix, Truth]:
    """A cut and mirrored copy against its photo, and against the best of twenty others."""
    rng = np.random.default_rng(2)
    copies = encoder.encode_image_queries([_cut(photo) for photo in pixels])
    rows, truth = [], []
    for place, copy in enumerate(copies):
        others = rng.choice(len(pixels), 20, replace=False)
        rows += [[images[place] @ copy], [(images[others[others != place]] @ copy).max()]]
        truth += [True, False]
    return np.array(rows, np.float32), np.array(truth)


def _cut(photo: Pixels) -> Pixels:
    height, width = photo.shape[:2]
    part = photo[height // 6 :, : width - width // 6][:, ::-1]
    return resize(np.ascontiguousarray(part), (200, 200))


def show(name: str, scores: Matrix, truth: Truth) -> None:
    """Fit on the first two thirds, say how well the last third is told apart."""
    cut = 2 * len(truth) // 3
    model = LogisticRegression(C=1e4).fit(scores[:cut], truth[:cut])
    weights = {"bias": float(model.intercept_[0]), "weights": model.coef_[0].round(2).tolist()}
    auc = roc_auc_score(truth[cut:], model.decision_function(scores[cut:]))
    chance = model.predict_proba(scores[cut:])[:, 1] >= 0.15
    kept = {"right kept at .15": chance[truth[cut:]].mean(), "wrong kept": chance[~truth[cut:]].mean()}
    print(name, json.dumps(weights), f"auc {auc:.3f}", {k: round(float(v), 3) for k, v in kept.items()})


if __name__ == "__main__":
    main()
