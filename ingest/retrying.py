"""The one table of which errors pass by themselves, how long to wait, and when to give up."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Final

from rag.errors import OlharError

PASSING: Final = frozenset(
    {
        errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
        errno.ESTALE, errno.ETIMEDOUT, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH,
    }
)  # fmt: skip
"""Errors of the system after which the same file may well be readable."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait before each further try; after the last, the file has failed."""

    pauses: tuple[float, ...] = (1.0, 5.0, 25.0)

    def after(self, attempts: int) -> float | None:
        """How long to wait when ``attempts`` tries have failed before this one; None: give up."""
        return self.pauses[attempts] if attempts < len(self.pauses) else None


def passes(error: Exception) -> bool:
    """Whether another try may succeed without anybody doing anything."""
    if isinstance(error, OlharError):
        return error.retryable
    return isinstance(error, OSError) and error.errno in PASSING


def why(error: Exception) -> str:
    """The reason for a receipt, and whether another try can help."""
    if isinstance(error, OlharError):
        return f"{error}; trying again may help" if error.retryable else str(error)
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return f"{type(error).__name__}: {error}"
