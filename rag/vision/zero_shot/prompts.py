"""A label in several sentences, whose mean vector stands for it.

Radford et al. 2021, “Learning Transferable Visual Models From Natural Language Supervision”, section 3.1.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from rag.errors import InvalidInput
from rag.protocols import ImageEncoder
from rag.types import Matrix

Language: TypeAlias = Literal["en", "pt"]
TEMPLATES: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": (
        "a photo of a {}",
        "{}",
        "a picture of the {}",
        "a photo of the {}",
        "there is a {} in the picture",
    ),
    "pt": ("uma foto de {}", "{}", "uma imagem de {}", "uma fotografia de {}", "há {} na foto"),
}
ANYTHING: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("a photo", "a picture of something"),
    "pt": ("uma foto", "uma imagem de alguma coisa"),
}
"""What is true of every picture: what fits one no better than this is not shown."""
LABELS: Final = 1000
LABEL_CHARACTERS: Final = 200
TEMPLATES_MOST: Final = 80


@dataclass(frozen=True, slots=True)
class Wanted:
    """A label that pictures may get. A ``description`` says in a sentence how what it means looks."""

    name: str
    description: str = ""


def checked(labels: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """Without white space around. Raises InvalidInput for none, too many, empty ones, and one given twice."""
    clean = tuple(Wanted(one.name.strip(), one.description.strip()) for one in labels)
    if not 1 <= len(clean) <= LABELS:
        raise InvalidInput(f"{len(clean)} labels; give 1 to {LABELS}")
    names = [one.name for one in clean]
    if bad := [name for name in names if not name or len(name) > LABEL_CHARACTERS]:
        raise InvalidInput(f"the label {bad[0][:40]!r} is empty or longer than {LABEL_CHARACTERS} characters")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"labels given twice: {', '.join(twice[:5])}")
    return clean


def templates_of(language: Language, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Those ``given``, or those of the language. Raises InvalidInput for one without ``{}``."""
    if len(given) > TEMPLATES_MOST:
        raise InvalidInput(f"{len(given)} templates; {TEMPLATES_MOST} are allowed")
    for template in given:
        if template.count("{}") != 1 or template.replace("{}", "").count("{"):
            raise InvalidInput(f"the template {template[:60]!r} has to hold {{}} once, where the label goes")
    return tuple(given) or TEMPLATES[language]


def label_vectors(encoder: ImageEncoder, labels: Sequence[Wanted], templates: Sequence[str]) -> Matrix:
    """Shape (labels, dim), unit rows: the mean over the templates, and half the description."""
    names = encoder.encode_text_queries([t.replace("{}", one.name) for one in labels for t in templates])
    vectors = _unit(names.reshape(len(labels), len(templates), -1).mean(axis=1))
    described = [place for place, one in enumerate(labels) if one.description]
    if described:
        told = encoder.encode_text_queries([labels[place].description for place in described])
        vectors[described] = _unit(vectors[described] + told)
    return vectors


def anything_vector(encoder: ImageEncoder, language: Language) -> Matrix:
    """Shape (1, dim), unit row."""
    return _unit(encoder.encode_text_queries(list(ANYTHING[language])).mean(axis=0, keepdims=True))


def _unit(rows: Matrix) -> Matrix:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-9), np.float32)
