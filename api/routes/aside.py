"""Archives on their way in: put aside in a file of this machine that has no name."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from rag.errors import Unavailable


class Aside:
    """Bytes that are put aside in ``file``, which is gone when it is closed.

    Raises Unavailable where they cannot be written.
    """

    def __init__(self) -> None:
        with _translated():
            self.file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  # closed by ``drop``

    def write(self, data: bytes) -> None:
        """Add these."""
        with _translated():
            self.file.write(data)

    def keep(self) -> None:
        """That was all of them: all can be read from here on."""
        with _translated():
            self.file.flush()

    def drop(self) -> None:
        """Leave nothing of them."""
        with contextlib.suppress(OSError):  # on a full disk, to which closing writes once more
            self.file.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"an archive could not be put aside in {tempfile.gettempdir()} (TMPDIR): "
            f"{error.strerror or error}; make room there, or send less at a time"
        ) from error
