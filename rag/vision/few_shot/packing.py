"""What was learned as bytes, for the records."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import numpy as np

from rag.errors import Conflict
from rag.vision.few_shot.learned import Learned


def pack(learned: Learned) -> bytes:
    """Weights, biases and shares in NumPy's own format; labels are kept beside."""
    out = io.BytesIO()
    if learned.shares is None:
        np.savez(out, weights=learned.weights, biases=learned.biases)
    else:
        np.savez(out, weights=learned.weights, biases=learned.biases, shares=learned.shares)
    return out.getvalue()


def unpack(data: bytes, labels: Sequence[str]) -> Learned:
    """Raises Conflict for bytes that were not packed for these labels."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        weights, biases, shares = arrays["weights"], arrays["biases"], arrays.get("shares")
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise Conflict(f"the classifier cannot be read: {error}; teach it again") from None
    if {len(one) for one in (weights, biases, shares) if one is not None} != {len(labels)}:
        raise Conflict("the classifier does not fit its labels; teach it again")
    return Learned(tuple(labels), weights, biases, shares)
