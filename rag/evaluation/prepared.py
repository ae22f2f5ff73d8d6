"""A data set with all its vectors, ready to be ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.evaluation.datasets import Dataset
from rag.evaluation.encoding import Encoders
from rag.evaluation.measures import Truth
from rag.evaluation.protocols import Plan, Protocol, plan, sampled, without_captions
from rag.evaluation.scoring import LEGS, Gallery
from rag.retrieval.fusion import CALIBRATED, LegScores
from rag.retrieval.insight import Insight
from rag.types import Leg, Matrix, Vector


@dataclass(frozen=True, slots=True)
class Options:
    """``legs`` take part, ``fusions`` (by name) are compared, the first is that of the figures.

    ``drop_captions``: the share of stored captions that are taken away. ``queries``: a sample of so many.
    ``seed`` is behind all that is drawn at random.
    """

    legs: tuple[Leg, ...] = LEGS
    fusions: tuple[str, ...] = (CALIBRATED,)
    drop_captions: float = 0.0
    queries: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """``images`` has a row for each photo, ``texts`` a vector for each stored text by its item's place.

    ``names``: what each item is called, the file of a photo, the name of a passage.
    """

    dataset: Dataset
    names: Sequence[str]
    options: Options
    plan: Plan
    truth: Truth
    images: Matrix | None
    texts: dict[int, Vector]
    gallery: Gallery
    by_image: Matrix | None
    by_text: Matrix | None

    def has(self, leg: Leg) -> bool:
        """Whether any item has a score on the leg."""
        return self.images is not None if leg == "image" else bool(self.texts)

    def scores(self, some: slice) -> LegScores:
        """All legs of all items for some of the queries."""
        return self.gallery.scores(
            self.plan.queries[some],
            None if self.by_image is None else self.by_image[some],
            None if self.by_text is None else self.by_text[some],
        )


def prepare(dataset: Dataset, protocol: Protocol, encoders: Encoders, options: Options) -> Prepared:
    """Decode, draw what is drawn at random, encode. Raises InvalidInput when nothing is left to ask."""
    _planned(dataset, protocol, options)  # before the photos, which take long
    images = None
    if protocol != "passages":
        dataset, images = encoders.photos(dataset)
    todo = _planned(dataset, protocol, options)
    texted = [place for place, text in enumerate(todo.stored) if text]
    vectors = encoders.stored([todo.stored[place] for place in texted])
    texts = dict(zip(texted, vectors, strict=True))
    return Prepared(
        dataset,
        _names(dataset),
        options,
        todo,
        Truth.of(todo.relevant, todo.grades),
        images,
        texts,
        Gallery(images, texts, todo.stored, Insight.of(encoders.images, encoders.texts)),
        encoders.for_images(todo.queries) if images is not None else None,
        encoders.for_texts(todo.queries) if texts else None,
    )


def _names(dataset: Dataset) -> list[str]:
    if dataset.passages:
        return [passage.name for passage in dataset.passages]
    return [photo.path.relative_to(dataset.folder).as_posix() for photo in dataset.photos]


def _planned(dataset: Dataset, protocol: Protocol, options: Options) -> Plan:
    made = plan(dataset, protocol)
    if options.drop_captions:
        made = without_captions(made, options.drop_captions, options.seed)
    return made if options.queries is None else sampled(made, options.queries, options.seed)
