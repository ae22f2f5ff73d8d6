"""Sorting pictures into labels, and teaching them: one object behind the routes and the commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import numpy as np

from api.classify_schemas import ClassifiedOut, ClassifyIn, WaysIn
from api.teaching_schemas import ClassifierOut, ClassifiersOut, SortedOut, SortIn, TeachIn
from ingest.classifying import PHOTOS, sort_collection
from rag.build import Olhar
from rag.errors import Conflict, FingerprintMismatch, NotFound
from rag.protocols import WordByWord
from rag.records.classifiers import Kept
from rag.types import Matrix, Pixels, Scope
from rag.vision.few_shot.learned import Learned
from rag.vision.few_shot.packing import pack, unpack
from rag.vision.few_shot.trained import LearnedClassifier
from rag.vision.sampling import sample
from rag.vision.zero_shot import Classified, Classifier, Wanted
from rag.vision.zero_shot.prompts import label_vectors, templates_of

ITEM: Final = re.compile("[0-9a-f]{32}")
SEEN: Final = 2_000
"""Pictures of a collection that are looked at to tell how common a label is."""
UNFITTED: Final = (
    "nobody has fitted this encoder's probabilities of labels; their order can be used, they are a guess"
)


class _Classify(Protocol):
    def classify(self, images: Matrix) -> list[Classified]: ...


class Classification:
    """What may be asked and taught of one tenant. Raises what encoder, store and records raise."""

    def __init__(self, olhar: Olhar, *, tenant: str = "") -> None:
        self._olhar = olhar
        self._tenant = tenant or olhar.settings.tenant

    def classify(self, wanted: ClassifyIn, picture: Pixels) -> ClassifiedOut:
        """The labels of a picture. Raises InvalidInput for labels that cannot be used, NotFound and
        FingerprintMismatch for a classifier."""
        classifier, calibrated = self._classifier(
            wanted, wanted.collection or self._olhar.settings.collection
        )
        (found,) = classifier.classify(np.asarray(self._olhar.encoder.encode_images([picture])))
        return ClassifiedOut.of(
            found,
            top=wanted.top,
            multi=wanted.multi,
            calibrated=calibrated,
            warnings=self._warnings(wanted),
        )

    def sort(self, collection: str, wanted: SortIn) -> SortedOut:
        """Sort all photos of a collection; see ``sort_collection``."""
        classifier, calibrated = self._classifier(wanted, collection)
        found = sort_collection(
            self._olhar,
            Scope(self._tenant, collection),
            classifier.classify,
            name=self._name(wanted),
            multi=wanted.multi,
            threshold=wanted.threshold,
            store=wanted.store,
        )
        return SortedOut.of(found, calibrated=calibrated, warnings=self._warnings(wanted))

    def teach(self, collection: str, wanted: TeachIn, load: Callable[[str], Pixels]) -> ClassifierOut:
        """Learn labels from examples and keep them. ``load`` opens a picture that is no item.

        Raises NotFound for an item that is not there, and InvalidInput for what cannot be learned.
        """
        from rag.vision.few_shot.learning import PRIOR, learn  # scikit-learn takes a second

        encoder, scope = self._olhar.encoder, Scope(self._tenant, collection)
        given = list(dict.fromkeys(one for some in wanted.examples.values() for one in some))
        vectors = self._vectors(scope, given, load)
        places = {one: place for place, one in enumerate(given)}
        examples = {label: [places[one] for one in some] for label, some in wanted.examples.items()}
        templates = templates_of(wanted.language)
        words = label_vectors(encoder, [Wanted(label) for label in examples], templates)
        seen = sample(self._olhar.store, scope, SEEN, where=PHOTOS).vectors  # those that it is to sort
        learned = learn(examples, vectors, words, prior=PRIOR if wanted.words else 0.0, seen=seen)
        counts = {label: len(set(some)) for label, some in examples.items()}
        kept = self._olhar.records.classifiers.put(
            scope, wanted.name, encoder.fingerprint, learned.labels, counts, pack(learned)
        )
        return ClassifierOut.of(kept, usable=True, shares=_shares(learned))

    def classifiers(self, collection: str) -> ClassifiersOut:
        """Those of a collection."""
        found = self._olhar.records.classifiers.all(Scope(self._tenant, collection))
        now = self._olhar.encoder.fingerprint
        return ClassifiersOut(
            classifiers=[
                ClassifierOut.of(one, usable=one.fingerprint == now, shares=_shares_of(one)) for one in found
            ]
        )

    def forget(self, collection: str, name: str) -> None:
        """Delete a classifier. Tags that it gave stay. Raises NotFound."""
        self._olhar.records.classifiers.delete(Scope(self._tenant, collection), name)

    def _vectors(self, scope: Scope, given: Sequence[str], load: Callable[[str], Pixels]) -> Matrix:
        ids = [one for one in given if ITEM.fullmatch(one)]
        rows = self._olhar.store.rows(scope, "image", ids) if ids else []
        known = {row.item.id: row.image_vector for row in rows if row.image_vector is not None}
        if missing := [one for one in ids if one not in known]:
            raise NotFound(f"there is no picture {missing[0]} in the collection {scope.collection!r}")
        pictures = [one for one in given if one not in known]
        if pictures:
            encoded = self._olhar.encoder.encode_images([load(one) for one in pictures])
            known |= dict(zip(pictures, encoded, strict=True))
        return np.stack([known[one] for one in given])

    def _classifier(self, wanted: WaysIn, collection: str) -> tuple[_Classify, bool]:
        """What sorts, and whether its probabilities are calibrated."""
        if wanted.classifier is not None:
            kept = self._kept(collection, wanted.classifier)
            learned = unpack(kept.weights, kept.labels)
            found = LearnedClassifier(learned, multi=wanted.multi, none=wanted.none)
            return found, learned.shares is not None
        known = self._olhar.label_calibration
        by_words = Classifier(
            self._olhar.encoder,
            wanted.wanted(),
            calibration=known,
            multi=wanted.multi,
            none=wanted.none,
            language=wanted.language,
            templates=wanted.templates,
        )
        return by_words, known is not None

    def _kept(self, collection: str, name: str) -> Kept:
        kept = self._olhar.records.classifiers.get(Scope(self._tenant, collection), name)
        if kept.fingerprint != self._olhar.encoder.fingerprint:
            raise FingerprintMismatch(
                f"the classifier {name!r} was taught with {kept.fingerprint.name} "
                f"({kept.fingerprint.weights:.16}), another encoder than the one that is set; teach it again"
            )
        return kept

    def _name(self, wanted: WaysIn) -> str:
        encoder = self._olhar.encoder.fingerprint.name
        return f"{encoder}/{wanted.classifier}" if wanted.classifier else encoder

    def _warnings(self, wanted: WaysIn) -> list[str]:
        if wanted.classifier is not None:
            return []
        warnings = [] if self._olhar.label_calibration is not None else [UNFITTED]
        encoder = self._olhar.encoder
        if isinstance(encoder, WordByWord):
            unknown = [word for one in wanted.wanted() for word in encoder.not_understood(one.name)]
            if unknown:
                warnings.append(f"words that the encoder does not know: {', '.join(dict.fromkeys(unknown))}")
        return warnings


def _shares_of(kept: Kept) -> dict[str, float] | None:
    try:
        return _shares(unpack(kept.weights, kept.labels))
    except Conflict:  # whoever uses it is told; the list shows the others all the same
        return None


def _shares(learned: Learned) -> dict[str, float] | None:
    """How common each label is believed to be."""
    if learned.shares is None:
        return None
    return dict(zip(learned.labels, learned.shares.astype(float).round(4).tolist(), strict=True))
