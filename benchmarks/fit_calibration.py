"""Fit what turns cosines of ``compact`` into a probability, and its factor from cosine to logit.

    python -m benchmarks.fit_calibration PHOTOS OBJECTS

PHOTOS is the folder that the heads were trained on; only the photos held back there are used. OBJECTS is a
folder of photos with one label each. Prints weights for the row ``compact`` of ``rag/models.py`` and
LOGIT_SCALE of ``rag/encoders/compact/encoder.py``.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from rag.build import build
from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.encoders.compact.classes import general_words
from rag.evaluation.datasets import read_dataset
from rag.images import decode, resize
from rag.settings import load_settings
from rag.training.compact import Plan
from rag.training.datasets import load, read_photos
from rag.types import Matrix, Pixels

QUESTIONS = (
    "Is there a {} in these photos?", "Where is the {}?", "{}", "a photo of a {}", "What is the {} doing?",
    "show me the {}", "Which photo shows a {}?", "What colour is the {}?",
)  # fmt: skip
CAPTION_FORMS = (
    "{}", "Is there a photo of {}?", "Which photo shows {}?", "What is {} doing?", "show me {}",
    "Where is {}?",
)  # fmt: skip
LEAST, MOST, OTHERS = 5, 30, 10
"""Photos of objects in a small gallery, and photos of another source among them."""

Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Captioned:
    """Photos that the heads were not trained on: vectors of the pictures and of their first captions."""

    image: Matrix
    caption: Matrix
    texts: list[list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("objects", type=Path)
    given = parser.parse_args()
    tower = TextTower(build(load_settings()).models)
    encoder = CompactEncoder(build(load_settings()).models, tower)
    texts = CompactTextEncoder(tower)
    held, pixels = held_back(given.photos, encoder, texts)
    rows = read_dataset(given.objects).photos
    objects = encoder.encode_images([decode(row.path.read_bytes(), max_pixels=10**8) for row in rows])
    labels = [row.labels[0] for row in rows]
    print(
        "LOGIT_SCALE, objects",
        slope(encoder.encode_text_queries([f"a photo of a {x}" for x in labels]), objects),
    )
    captions = encoder.encode_text_queries([group[1] for group in held.texts])
    print("LOGIT_SCALE, captions", slope(captions, held.image))
    show("image_only, by name", *image_only(encoder, objects, labels, held.image, general=False))
    show("image_only, by general word", *image_only(encoder, objects, labels, held.image, general=True))
    show("full: image, caption, bm25", *full(encoder, texts, held))
    show("image_query", *image_query(encoder, held, pixels))


def held_back(
    folder: Path, encoder: CompactEncoder, texts: CompactTextEncoder
) -> tuple[Captioned, list[Pixels]]:
    """The validation photos of a training run with the default seed and share."""
    photos = read_photos(folder).photos
    plan = Plan(folder, folder)
    count = round(plan.validation * len(photos))
    order = np.random.default_rng(plan.recipe.seed).permutation(len(photos))
    chosen = [photos[n] for n in np.sort(order[:count])]
    pixels = [load(photo) for photo in chosen]
    said = [list(photo.captions) for photo in chosen]
    return Captioned(
        encoder.encode_images(pixels), texts.encode_documents([c[0] for c in said]), said
    ), pixels


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


def image_only(
    encoder: CompactEncoder, objects: Matrix, labels: list[str], others: Matrix, *, general: bool
) -> tuple[Matrix, Truth]:
    """Score of the best photo of a small mixed gallery, and whether it is what was asked for."""
    rng = np.random.default_rng(0)
    kinds = [words[0].split(",")[0] if words else "" for words in general_words()]
    asked, galleries, present = [], [], []
    for _ in range(3000):
        target = int(rng.integers(len(labels)))
        by_kind = general and kinds[target]
        word = kinds[target] if by_kind else labels[target]
        gallery = rng.choice(len(labels), rng.integers(LEAST, MOST), replace=False)
        right = {n for n in range(len(labels)) if kinds[n] == word} if by_kind else {target}
        gallery = np.array([n for n in gallery if int(n) not in right], dtype=np.intp)
        there = bool(rng.random() < 0.5)
        galleries.append((np.append(gallery, target) if there else gallery, rng.choice(len(others), OTHERS)))
        asked.append(str(rng.choice(QUESTIONS)).format(word))
        present.append(there)
    scores, truth = [], []
    for query, (inside, outside), there in zip(
        encoder.encode_text_queries(asked), galleries, present, strict=True
    ):
        cosines = np.concatenate([objects[inside] @ query, others[outside] @ query])
        best = int(cosines.argmax())
        scores.append([cosines[best]])
        truth.append(there and best == len(inside) - 1)
    return np.array(scores, np.float32), np.array(truth)


def full(encoder: CompactEncoder, texts: CompactTextEncoder, held: Captioned) -> tuple[Matrix, Truth]:
    """Scores of the best of twenty captioned photos for a question, and whether it is the right one."""
    rng = np.random.default_rng(1)
    asked, targets, galleries = [], [], []
    for _ in range(2500):
        target = int(rng.integers(len(held.texts)))
        gallery = rng.choice(len(held.texts), 20, replace=False)
        gallery = gallery[gallery != target]
        if rng.random() < 0.5:
            gallery = np.append(gallery, target)
        caption = str(rng.choice(held.texts[target][1:])).strip(" .").lower()
        if rng.random() < 0.5:
            caption = " ".join(caption.split()[: max(3, len(caption.split()) // 2)])
        asked.append(str(rng.choice(CAPTION_FORMS)).format(caption))
        targets.append(target)
        galleries.append(gallery)
    rows, truth = [], []
    both = zip(encoder.encode_text_queries(asked), texts.encode_queries(asked), strict=True)
    for (look, read), target, gallery, question in zip(both, targets, galleries, asked, strict=True):
        image, caption = held.image[gallery] @ look, held.caption[gallery] @ read
        best = int((0.5 * image + caption).argmax())
        words = set(re.findall(r"\w+", question.lower()))
        share = len(words & set(re.findall(r"\w+", held.texts[gallery[best]][0].lower()))) / len(words)
        rows.append([image[best], caption[best], share])
        truth.append(gallery[best] == target)
    return np.array(rows, np.float32), np.array(truth)


def image_query(encoder: CompactEncoder, held: Captioned, pixels: list[Pixels]) -> tuple[Matrix, Truth]:
    """A cut and mirrored copy against its photo, and against the best of twenty others."""
    rng = np.random.default_rng(2)
    copies = encoder.encode_image_queries([_cut(photo) for photo in pixels])
    rows, truth = [], []
    for place, copy in enumerate(copies):
        others = rng.choice(len(pixels), 20, replace=False)
        rows += [[held.image[place] @ copy], [(held.image[others[others != place]] @ copy).max()]]
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
