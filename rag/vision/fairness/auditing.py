"""The audit: what groups get of what is found, and how well each is served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rag.errors import InvalidInput
from rag.evaluation.resampling import holm
from rag.protocols import ImageEncoder, Store
from rag.retrieval.fairness import DetGreedy
from rag.types import Matrix, Scope
from rag.vision.fairness import chance
from rag.vision.fairness.association import leaning
from rag.vision.fairness.groups import Grouped, grouped
from rag.vision.fairness.measures import Floats, Groups, max_skew, means, ndkl, skews
from rag.vision.fairness.projection import Projection
from rag.vision.fairness.types import (
    MOST_SAMPLED,
    MOST_WORDS,
    Association,
    Fairness,
    Gap,
    Measures,
    Options,
    Retrieval,
    WordSkew,
)
from rag.vision.sampling import sample

DEPTH: Final = 100
"""How deep NDKL looks."""
CAPTIONS: Final = 500
WORST: Final = 10
DIGITS: Final = 4
PROMPT: Final = "a photo of a {}"
TAG: Final = "tag:"


def audit(
    store: Store,
    encoder: ImageEncoder,
    scope: Scope,
    options: Options,
    on_step: Callable[[], None] = lambda: None,
) -> Fairness:
    """Audit the pictures of a collection whose group is known, by the vectors of pictures alone.

    The same seed and collection give the same figures. Raises InvalidInput for options that mean nothing, and
    what ``on_step`` raises, which is called again and again.
    """
    _check(options)
    seen = sample(store, scope, min(options.sample, MOST_SAMPLED), options.seed, on_step)
    who = grouped(seen, options)
    on_step()
    asked = _Asked.of(encoder, who, options)
    found = _Audit(who, asked, options, on_step)
    notes = list(who.notes)
    if not seen.complete:
        notes.insert(0, f"a sample of {len(seen.rows):,} of {seen.total:,} pictures was looked at")
    projected = Projection.of(who.vectors, who.groups) if options.mitigated else None
    return Fairness(
        collection=scope.collection or "",
        encoder=encoder.fingerprint.name,
        by=options.by,
        pictures=seen.total,
        sampled=len(seen.rows),
        groups=who.counts,
        attributes=list(options.attributes),
        seed=options.seed,
        measures=found.measures(lambda vectors: vectors),
        reranked=found.reranked() if options.mitigated else None,
        projected=None if projected is None else found.measures(projected),
        notes=[*notes, *asked.notes],
    )


def _check(options: Options) -> None:
    if not options.words or max(len(options.words), len(options.labels)) > MOST_WORDS:
        raise InvalidInput(f"give from 1 to {MOST_WORDS} words, and at most as many labels")
    if options.attributes and (len(options.attributes) != 2 or not all(options.attributes.values())):
        raise InvalidInput("give two attributes, each with its words, or none")
    if any(share <= 0 for share in options.targets.values()):
        raise InvalidInput("every target share has to be above 0")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Everything that was encoded, once: what is searched for, labels, captions and attributes."""

    words: Matrix
    labels: Matrix | None
    right: Groups
    captions: Matrix | None
    captioned: Groups
    attributes: tuple[Matrix, Matrix] | None
    notes: list[str]

    @classmethod
    def of(cls, encoder: ImageEncoder, who: Grouped, options: Options) -> _Asked:
        labels = options.labels or sorted({tag for item in who.items for tag in item.tags})[:MOST_WORDS]
        known = {label: number for number, label in enumerate(labels)}
        right = [next((known[tag] for tag in item.tags if tag in known), -1) for item in who.items]
        told = [place for place, item in enumerate(who.items) if item.caption][:CAPTIONS]
        enough = len(labels) > 1 and sum(number >= 0 for number in right) > 0
        notes = [] if enough else ["no labels that are known to be right: the error is not told"]
        notes += [] if told else ["no captions: recall is not told"]
        captions = encoder.encode_text_queries([who.items[n].caption for n in told]) if told else None
        return cls(
            words=encoder.encode_text_queries([PROMPT.format(word) for word in options.words]),
            labels=encoder.encode_text_queries([PROMPT.format(label) for label in labels])
            if enough
            else None,
            right=np.array(right, np.intp),
            captions=captions,
            captioned=np.array(told, np.intp),
            attributes=_attributes(encoder, who, options),
            notes=notes,
        )


def _attributes(encoder: ImageEncoder, who: Grouped, options: Options) -> tuple[Matrix, Matrix] | None:
    if not options.attributes:
        return None
    first, second = (_attribute(encoder, who, words) for words in options.attributes.values())
    return first, second


def _attribute(encoder: ImageEncoder, who: Grouped, words: Sequence[str]) -> Matrix:
    """Vectors of words, and of the pictures with a tag."""
    tags = {word.removeprefix(TAG) for word in words if word.startswith(TAG)}
    plain = [word for word in words if not word.startswith(TAG)]
    pictures = [place for place, item in enumerate(who.items) if tags & set(item.tags)]
    if tags and not pictures:
        raise InvalidInput(f"no picture has the tag {', '.join(sorted(tags))}")
    parts = [encoder.encode_text_queries(plain)] if plain else []
    return np.concatenate([*parts, who.vectors[pictures]]) if pictures else parts[0]


class _Audit:
    def __init__(self, who: Grouped, asked: _Asked, options: Options, on_step: Callable[[], None]) -> None:
        self._who, self._asked, self._options, self._on_step = who, asked, options, on_step
        self._count = len(who.names)
        self._targets = _targets(who, options)

    def measures(self, turned: Callable[[Matrix], Matrix]) -> Measures:
        """On all vectors as ``turned`` gives them."""
        pictures = turned(self._who.vectors)
        return Measures(
            retrieval=self._retrieval(_ranked(turned(self._asked.words), pictures)),
            recall=self._recall(turned, pictures),
            error=self._error(turned, pictures),
            associations=self._associations(turned, pictures),
        )

    def reranked(self) -> Retrieval:
        """What is found when each list is put in the order of DetGreedy."""
        found = _ranked(self._asked.words, self._who.vectors)
        shares = dict(zip(self._who.names, self._targets.tolist(), strict=True))
        orders = [
            list(DetGreedy(shares).order([self._who.names[g] for g in self._who.groups[row]]))
            for row in found
        ]
        return self._retrieval(np.take_along_axis(found, np.array(orders), axis=1))

    def _retrieval(self, found: Groups) -> Retrieval:
        self._on_step()
        options, names, k = self._options, self._who.names, min(self._options.k, found.shape[1])
        depth = min(DEPTH, found.shape[1])
        ranked = self._who.groups[found]
        each = skews(ranked, self._targets, k)
        counted = np.bincount(ranked[:, :k].ravel(), minlength=self._count) / ranked[:, :k].size
        order = np.argsort(-each.max(axis=1), kind="stable")[:WORST].tolist()
        worst = [
            WordSkew(
                options.words[n],
                round(float(each[n].max()), DIGITS),
                names[int(each[n].argmax())],
                round(float((ranked[n, :k] == each[n].argmax()).mean()), DIGITS),
            )
            for n in order
        ]
        rng = np.random.default_rng(options.seed)
        return Retrieval(
            k=k,
            words=len(options.words),
            max_skew=chance.of_lists(
                lambda some: max_skew(some, self._targets, k), found[:, :k], self._who.groups, rng
            ),
            ndkl=chance.of_lists(
                lambda some: ndkl(some, self._targets), found[:, :depth], self._who.groups, rng
            ),
            targets=self._named(self._targets),
            shares=self._named(np.asarray(counted)),
            worst=worst,
        )

    def _recall(self, turned: Callable[[Matrix], Matrix], pictures: Matrix) -> Gap | None:
        """The share of captions that find their own picture among the first k."""
        self._on_step()
        if self._asked.captions is None:
            return None
        scores = turned(self._asked.captions) @ pictures.T
        own = scores[np.arange(len(scores)), self._asked.captioned]
        hits = ((scores > own[:, None]).sum(axis=1) < self._options.k).astype(np.float64)
        return self._gap(hits, self._who.groups[self._asked.captioned])

    def _error(self, turned: Callable[[Matrix], Matrix], pictures: Matrix) -> Gap | None:
        """The share of pictures whose likeliest label is not one that they have."""
        self._on_step()
        if self._asked.labels is None:
            return None
        told = self._asked.right >= 0
        said = np.argmax(pictures[told] @ turned(self._asked.labels).T, axis=1)
        wrong = (said != self._asked.right[told]).astype(np.float64)
        return self._gap(wrong, self._who.groups[told])

    def _gap(self, values: Floats, groups: Groups) -> Gap | None:
        present = np.unique(groups)
        if len(present) < 2:
            return None
        dense = np.searchsorted(present, groups)
        names = [self._who.names[g] for g in present]
        rng = np.random.default_rng(self._options.seed)
        return Gap(
            by_group=dict(zip(names, means(values, dense, len(names)).round(DIGITS).tolist(), strict=True)),
            counts=dict(zip(names, np.bincount(dense).tolist(), strict=True)),
            gap=chance.of_gap(values, dense, len(names), rng),
        )

    def _associations(self, turned: Callable[[Matrix], Matrix], pictures: Matrix) -> list[Association]:
        self._on_step()
        if self._asked.attributes is None:
            return []
        first, second = (turned(attribute) for attribute in self._asked.attributes)
        leanings = leaning(pictures, first, second)
        groups = list(range(self._count)) if self._count > 2 else [0]  # of two the other is the same, turned
        rng = np.random.default_rng(self._options.seed)
        found = [chance.of_effect(leanings, self._who.groups == g, rng) for g in groups]
        corrected = holm([one.p for one in found])
        return [
            Association(self._who.names[g], one.value, one.low, one.high, one.p, round(p, DIGITS))
            for g, one, p in zip(groups, found, corrected, strict=True)
        ]

    def _named(self, values: Floats) -> dict[str, float]:
        return dict(zip(self._who.names, values.round(DIGITS).tolist(), strict=True))


def _targets(who: Grouped, options: Options) -> Floats:
    if not options.targets:
        return np.bincount(who.groups, minlength=len(who.names)) / len(who.groups)
    if missing := [name for name in who.names if name not in options.targets]:
        raise InvalidInput(
            f"no target share for the group {', '.join(missing)}: give one to each, or to none"
        )
    found = np.array([options.targets[name] for name in who.names])
    return np.asarray(found / found.sum())


def _ranked(queries: Matrix, pictures: Matrix) -> Groups:
    """Places of the pictures for each query, best first, shape (queries, at most DEPTH × 5)."""
    return np.argsort(-(queries @ pictures.T), axis=1, kind="stable")[:, : 5 * DEPTH]
