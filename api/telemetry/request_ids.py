"""The id of the request that is being answered, for logs, errors and the answer's own header."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from typing import Final

HEADER: Final = "x-request-id"
REQUEST_ID: Final = ContextVar("REQUEST_ID", default="")
"""Empty outside of requests. Threads that are started for a request know it too."""
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def chosen(sent: str) -> str:
    """The id that a client sent, if it is well-formed; else one of our own, 16 hex digits."""
    return sent if _WELL_FORMED.fullmatch(sent) else secrets.token_hex(8)
