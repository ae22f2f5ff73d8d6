"""Keep a computed matrix in a file, so that it is computed once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from rag.types import Matrix


def cached(path: Path, make: Callable[[], Matrix]) -> Matrix:
    """The matrix in ``path``; made and written there, whole or not at all, when there is none.

    Where nothing can be written, in a folder that was prepared and is read-only, it is made each time.
    """
    if path.is_file():
        return np.asarray(np.load(path), np.float32)
    matrix = make()
    with suppress(OSError):
        _keep(path, matrix)
    return matrix


def _keep(path: Path, matrix: Matrix) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".npy.part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, matrix)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
