"""Whether another encoder finds as much: captions that are stored ask for their own items, before and after.

Text to image: the first caption of an item asks for its picture by the image vectors. Text to caption: a
further caption, which some items have, asks for the item by the caption vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rag.encoders.parity import recall
from rag.errors import Conflict, OlharError
from rag.protocols import ImageEncoder, TextEncoder
from rag.types import Fingerprint, Item, Kind, Leg, Matrix, Row, Vector

LEAST = 50
"""Fewer items than this say nothing of recall@10."""
MOST = 1000
PAGE = 200
ASKED_OF: dict[Leg, str] = {"image": "a caption", "caption": "more than one caption"}


class Former(Protocol):
    """The encoders that made the stored vectors. Raises an OlharError when one cannot be told or had."""

    @property
    def encoder(self) -> ImageEncoder: ...

    @property
    def text_encoder(self) -> TextEncoder: ...


class Stored(Protocol):
    """What is needed of ``rag.store.Rebuild``."""

    def keeps(self, leg: Leg) -> bool: ...

    def made_by(self, leg: Leg) -> Fingerprint: ...

    def pages(self, kind: Kind, size: int) -> Iterator[list[tuple[Row, Row | None]]]: ...


@dataclass(frozen=True, slots=True)
class Before:
    """Which items are asked for on a leg, by id, with what; and recall@10 of the old encoder."""

    leg: Leg
    questions: dict[str, str]
    recall: float


@dataclass(frozen=True, slots=True)
class Change:
    """recall@10 among ``items`` items on one leg, with the old encoder and with the new one."""

    leg: Leg
    before: float
    after: float
    items: int

    def within(self, budget: float) -> bool:
        """Whether it fell by no more than ``budget``."""
        # Both have four digits: the fifth is no reason.
        return round(self.before - self.after, 5) <= budget


def before(stored: Stored, former: Former) -> tuple[list[Before], str]:
    """The recall of the legs whose encoder changes; and why some leg cannot be compared, else empty.

    Items are taken in order of their ids, which are hashes: the first ``MOST`` are a fair sample, of all
    tenants. Raises Conflict, naming the remedy, when an old encoder is needed and cannot be told or had.
    """
    measured: list[Before] = []
    why: list[str] = []
    for leg in (leg for leg in ASKED_OF if not stored.keeps(leg)):
        found = _sample(stored, leg)
        if len(found) < LEAST:
            why.append(
                f"{len(found)} items have {ASKED_OF[leg]}, and at least {LEAST} are needed to compare recall "
                f"on the {leg} vectors"
            )
            continue
        encode = _former(stored, former, leg)
        questions = {row.item.id: question for row, question, _ in found}
        vectors = {row.item.id: vector for row, _, vector in found}
        measured.append(Before(leg, questions, _recall(questions, vectors, encode)))
    return measured, "; ".join(why)


def changes(
    measured: Sequence[Before], stored: Stored, images: ImageEncoder, texts: TextEncoder
) -> list[Change]:
    """The same questions to what was rebuilt. An item that lost its vector is not found."""
    encodes = {"image": images.encode_text_queries, "caption": texts.encode_queries}
    found = []
    for one in measured:
        vectors = _rebuilt(stored, one)
        after = _recall(one.questions, vectors, encodes[one.leg])
        found.append(Change(one.leg, one.recall, after, len(one.questions)))
    return found


def _sample(stored: Stored, leg: Leg) -> list[tuple[Row, str, Vector]]:
    found: list[tuple[Row, str, Vector]] = []
    for page in stored.pages("image", PAGE):
        for row, _ in page:
            vector, question = _vector(row, leg), _question(row.item, leg)
            if vector is not None and question:
                found.append((row, question, vector))
        if len(found) >= MOST:
            break
    return found[:MOST]


def _rebuilt(stored: Stored, measured: Before) -> dict[str, Vector]:
    vectors: dict[str, Vector] = {}
    last = max(measured.questions)
    for page in stored.pages("image", PAGE):
        for _, new in page:
            vector = _vector(new, measured.leg) if new is not None else None
            if new is not None and vector is not None and new.item.id in measured.questions:
                vectors[new.item.id] = vector
        if page[-1][0].item.id >= last:
            break
    return vectors


def _recall(
    questions: dict[str, str], vectors: dict[str, Vector], encode: Callable[[Sequence[str]], Matrix]
) -> float:
    """recall@10 of the questions whose items have a vector; the others find nothing."""
    if not vectors:
        return 0.0
    asked = encode([questions[item_id] for item_id in vectors])
    share = recall(asked, np.stack(list(vectors.values())), range(len(vectors)))["recall@10"]
    return round(share * len(vectors) / len(questions), 4)


def _vector(row: Row, leg: Leg) -> Vector | None:
    return row.image_vector if leg == "image" else row.caption_vector


def _question(item: Item, leg: Leg) -> str:
    if leg == "image":
        return item.caption
    further = item.metadata.get("captions")
    return str(further[0]) if isinstance(further, list) and further else ""


def _former(stored: Stored, former: Former, leg: Leg) -> Callable[[Sequence[str]], Matrix]:
    """How the old encoder of a leg encodes queries."""
    made_by = stored.made_by(leg)
    option = "--old-encoder" if leg == "image" else "--old-text-encoder"
    remedy = f"Name it with {option}, or go on without comparing: --budget 1, or --force"
    try:
        if leg == "image":
            images = former.encoder
            fingerprint, encode = images.fingerprint, images.encode_text_queries
        else:
            texts = former.text_encoder
            fingerprint, encode = texts.fingerprint, texts.encode_queries
    except OlharError as error:
        raise Conflict(
            f"recall cannot be compared: the old encoder of the {leg} vectors, {made_by.name}, cannot be had "
            f"({error}). {remedy}"
        ) from error
    if fingerprint != made_by:
        raise Conflict(
            f"recall cannot be compared: the {leg} vectors were made by {_shown(made_by)}, and the old "
            f"encoder would be {_shown(fingerprint)}. {remedy}"
        )
    return encode


def _shown(fingerprint: Fingerprint) -> str:
    return f"{fingerprint.name} ({fingerprint.weights}, {fingerprint.preprocessing})"
