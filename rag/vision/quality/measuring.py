"""All that is said of a collection's vectors, from a sample of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rag.duplicates import DISTANCE, grouped
from rag.errors import InvalidInput
from rag.protocols import ImageEncoder, Store
from rag.types import Item, Scope
from rag.vision.quality import drift, neighbours
from rag.vision.quality.clusters import Numbers, best_clusters, named
from rag.vision.quality.geometry import Floats, alignment, cosines, mean_distance, modality_gap, uniformity
from rag.vision.quality.projection import places
from rag.vision.quality.types import (
    LEAST,
    MOST_MAPPED,
    MOST_SAMPLED,
    Alike,
    Captions,
    Drift,
    Hubness,
    Options,
    Outlier,
    Point,
    Quality,
)
from rag.vision.sampling import Sample, sample, shown
from rag.vision.zero_shot import ZeroShot

DEFAULT: Final = Options()
NEAREST: Final = 10
CAPTIONS: Final = 300
OUTLYING: Final = 3.5
"""Robust deviations, as Iglewicz and Hoaglin have it."""
OUTLIERS: Final = 20
NEWER: Final = 0.8
"""The newest fifth is compared with the rest, where nothing else is said."""
DRIFTED: Final = 400
"""Pictures of each age."""
DIGITS: Final = 4


def measure(
    store: Store, encoder: ImageEncoder, words: ZeroShot, scope: Scope, options: Options = DEFAULT
) -> Quality:
    """Look at a sample of a collection. The same seed and the same collection give the same figures.

    Raises InvalidInput for a collection with fewer than ten pictures.
    """
    seen = sample(store, scope, min(options.sample, MOST_SAMPLED), options.seed)
    if len(seen.rows) < LEAST:
        raise InvalidInput(
            f"the collection {scope.collection!r} has {len(seen.rows)} pictures; "
            f"their quality can be told from {LEAST} on: ingest more"
        )
    items, vectors = seen.items, seen.vectors
    likeness = cosines(vectors, vectors)
    with threadpool_limits(1):  # questions are answered meanwhile
        silhouettes, labels = best_clusters(vectors, options.seed)
        mapped = _map(seen, labels, options)
    captions = _captions(seen, encoder)
    drifted, why_not = _drift(seen, likeness, options)
    dimension = neighbours.intrinsic_dimension(likeness)
    return Quality(
        collection=scope.collection or "",
        encoder=encoder.fingerprint.name,
        pictures=seen.total,
        sampled=len(items),
        seed=options.seed,
        distance=round(mean_distance(likeness), DIGITS),
        uniformity=round(uniformity(likeness), DIGITS),
        dimension=None if dimension is None else round(dimension, 2),
        hubness=_hubness(neighbours.nearest(likeness, NEAREST), items),
        captions=captions,
        clusters=named(
            {k: round(value, DIGITS) for k, value in silhouettes.items()}, labels, items, vectors, words
        ),
        alike=_alike(items),
        outliers=_outliers(likeness, items),
        drift=drifted,
        map=mapped,
        notes=[
            *_sampled(seen),
            *([] if captions else ["no captions: alignment and modality gap are not told"]),
            *why_not,
        ],
    )


def _sampled(seen: Sample) -> list[str]:
    if seen.complete:
        return []
    return [f"a sample of {len(seen.rows):,} of {seen.total:,} pictures was looked at"]


def _hubness(found: neighbours.Places, items: Sequence[Item]) -> Hubness:
    counts = neighbours.occurrences(found, len(items))
    top = int(np.argmax(counts))
    return Hubness(
        k=found.shape[1],
        skewness=round(neighbours.skewness(counts), DIGITS),
        never=round(float((counts == 0).mean()), DIGITS),
        most=int(counts[top]),
        item_id=items[top].id,
    )


def _captions(seen: Sample, encoder: ImageEncoder) -> Captions | None:
    """Captions are encoded as questions are: in the space of the pictures."""
    told = [place for place, item in enumerate(seen.items) if item.caption][:CAPTIONS]
    if len(told) < LEAST:
        return None
    texts = encoder.encode_text_queries([seen.items[place].caption for place in told])
    found = neighbours.nearest(cosines(texts, seen.vectors), NEAREST, same=False)
    return Captions(
        pairs=len(told),
        alignment=round(alignment(seen.vectors[told], texts), DIGITS),
        gap=round(modality_gap(seen.vectors[told], texts), DIGITS),
        uniformity=round(uniformity(cosines(texts, texts)), DIGITS),
        hubness=_hubness(found, seen.items),
    )


def _alike(items: Sequence[Item]) -> Alike:
    """By their perceptual hashes, as ``olhar duplicates`` has it."""
    hashes = [int(item.phash, 16) for item in items if item.phash.strip("0") and not item.is_frame]
    groups = grouped(np.array(hashes, np.uint64), DISTANCE) if hashes else []
    return Alike(sum(map(len, groups)), len(groups))


def _outliers(likeness: Floats, items: Sequence[Item]) -> list[Outlier]:
    distances, scores = neighbours.apart(likeness, min(NEAREST, len(items) - 1))
    order = np.argsort(-scores, kind="stable")[:OUTLIERS].tolist()
    return [
        Outlier(
            items[n].id,
            shown(items[n].source),
            round(float(distances[n]), DIGITS),
            round(float(scores[n]), 2),
        )
        for n in order
        if scores[n] > OUTLYING
    ]


def _drift(seen: Sample, likeness: Floats, options: Options) -> tuple[Drift | None, list[str]]:
    ages = np.array([item.created_at for item in seen.items])
    since = options.since or _split(ages)
    newer, older = np.flatnonzero(ages > since), np.flatnonzero(ages <= since)
    if min(len(newer), len(older)) < LEAST:
        return None, ["fewer than ten newer, or older, pictures: drift is not told"]
    rng = np.random.default_rng(options.seed)
    newer, older = (rng.permutation(side)[:DRIFTED] for side in (newer, older))
    mmd, p = drift.discrepancy(seen.vectors[newer], seen.vectors[older], options.seed)
    both = np.concatenate([newer, older])
    first = neighbours.nearest(likeness[np.ix_(both, both)], 1)[: len(newer), 0]
    return Drift(
        newer=len(newer),
        older=len(older),
        since=since,
        mmd=round(mmd, 6),
        p=round(p, DIGITS),
        nearest=round(float((first < len(newer)).mean()), DIGITS),
        by_chance=round((len(newer) - 1) / (len(both) - 1), DIGITS),
    ), []


def _split(ages: NDArray[np.int64]) -> int:
    """Where the newest fifth begins; with what was added at the same moment."""
    since = int(np.quantile(ages, NEWER))
    before = ages[ages < since]
    return since if (ages > since).any() or not len(before) else int(before.max())


def _map(seen: Sample, labels: Numbers, options: Options) -> list[Point]:
    count = min(options.mapped, MOST_MAPPED, len(seen.rows))
    if not count:
        return []
    found = places(seen.vectors[:count], options.seed).round(DIGITS).tolist()
    return [
        Point(item.id, shown(item.source), x, y, int(label))
        for item, (x, y), label in zip(seen.items, found, labels.tolist(), strict=False)
    ]
