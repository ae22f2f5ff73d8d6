"""Groups of pictures by k-means, how well they hold together, and words for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from rag.types import Item, Matrix
from rag.vision.quality.types import Cluster, Clusters
from rag.vision.zero_shot import ZeroShot

COUNTS: Final = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
LEAST: Final = 5
"""Pictures to a cluster, on average, or there are too many clusters."""
MOST: Final = 1000
"""Pictures that the silhouette is taken of."""
WORDS: Final = 3
LOOKED_AT: Final = 20
"""Likeliest words of each picture."""
Numbers = NDArray[np.intp]


def best_clusters(vectors: Matrix, seed: int = 0) -> tuple[dict[int, float], Numbers]:
    """The mean silhouette (Rousseeuw 1987) of k-means for several k, and of the best k each one's cluster."""
    counts = [k for k in COUNTS if k * LEAST <= len(vectors)] or [2]
    found: dict[int, float] = {}
    labels: dict[int, Numbers] = {}
    for k in counts:
        labels[k] = KMeans(k, n_init=2, random_state=seed).fit_predict(vectors).astype(np.intp)
        few = min(MOST, len(vectors))
        one_only = len(set(labels[k].tolist())) < 2  # all pictures are one
        found[k] = (
            0.0
            if one_only
            else float(silhouette_score(vectors, labels[k], sample_size=few, random_state=seed))
        )
    return found, labels[max(found, key=lambda k: found[k])]


def named(
    silhouettes: dict[int, float], labels: Numbers, items: Sequence[Item], vectors: Matrix, words: ZeroShot
) -> Clusters:
    """The clusters, largest first; their words are likelier of their pictures than of all."""
    told = [{label.name: label.probability for label in row} for row in words.label(vectors, top=LOOKED_AT)]
    overall = _mean(told)
    clusters = []
    for number in np.unique(labels).tolist():
        places = np.flatnonzero(labels == number)
        own = _mean([told[place] for place in places.tolist()])
        lift = {word: share - overall[word] for word, share in own.items()}
        best = sorted(lift, key=lambda word: (-lift[word], word))[:WORDS]
        middle = vectors[places].mean(axis=0)
        example = items[int(places[int(np.argmax(vectors[places] @ middle))])].id
        clusters.append(Cluster(number, len(places), best, example))
    best_k = max(silhouettes, key=lambda k: silhouettes[k])
    return Clusters(silhouettes, best_k, sorted(clusters, key=lambda one: (-one.size, one.number)))


def _mean(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean probability of each word."""
    found: dict[str, float] = {}
    for row in told:
        for word, probability in row.items():
            found[word] = found.get(word, 0.0) + probability / len(told)
    return found
