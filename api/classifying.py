"""Sorting pictures into labels: one object behind the routes and the commands."""

from __future__ import annotations

import numpy as np

from api.classify_schemas import ClassifiedOut, ClassifyIn, LabelsIn
from rag.build import Olhar
from rag.protocols import WordByWord
from rag.types import Pixels
from rag.vision.zero_shot import Classifier

UNFITTED = (
    "nobody has fitted this encoder's probabilities of labels; their order can be used, they are a guess"
)


class Classification:
    """What may be asked about pictures of one tenant. Errors are those of encoder and store."""

    def __init__(self, olhar: Olhar, *, tenant: str = "") -> None:
        self._olhar = olhar
        self._tenant = tenant or olhar.settings.tenant

    def classify(self, wanted: ClassifyIn, picture: Pixels) -> ClassifiedOut:
        """The labels of a picture. Raises InvalidInput for labels that cannot be used."""
        classifier = self._classifier(wanted)
        (found,) = classifier.classify(np.asarray(self._olhar.encoder.encode_images([picture])))
        fitted = self._olhar.label_calibration is not None
        return ClassifiedOut.of(
            found, top=wanted.top, multi=wanted.multi, calibrated=fitted, warnings=self._warnings(wanted)
        )

    def _classifier(self, wanted: LabelsIn) -> Classifier:
        return Classifier(
            self._olhar.encoder,
            wanted.wanted(),
            calibration=self._olhar.label_calibration,
            multi=wanted.multi,
            none=wanted.none,
            language=wanted.language,
            templates=wanted.templates,
        )

    def _warnings(self, wanted: LabelsIn) -> list[str]:
        warnings = [] if self._olhar.label_calibration is not None else [UNFITTED]
        encoder = self._olhar.encoder
        if isinstance(encoder, WordByWord):
            unknown = [word for one in wanted.wanted() for word in encoder.not_understood(one.name)]
            if unknown:
                warnings.append(f"words that the encoder does not know: {', '.join(dict.fromkeys(unknown))}")
        return warnings
