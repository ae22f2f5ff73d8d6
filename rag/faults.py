"""What goes wrong with models that write, translated once into ModelUnavailable.

A row names a vendor's error by its full name, so that no vendor has to be imported (or installed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rag.errors import ModelUnavailable
from rag.relay import DeadlineExceeded
from rag.urls import without_password


@dataclass(frozen=True, slots=True)
class SettingNames:
    """The names of the settings that chose a model, and that say how long to wait for it."""

    model: str = "OLHAR_LLM"
    load: str = "OLHAR_LLM_LOAD_SECONDS"
    whole: str = "OLHAR_LLM_ANSWER_SECONDS"
    first: str = "OLHAR_LLM_FIRST_SECONDS"


@dataclass(frozen=True, slots=True)
class Place:
    """What the messages say of a model: its setting's value, where it is, and how to get it when missing."""

    value: str
    where: str
    reach: str
    missing: str
    settings: SettingNames = SettingNames()


@dataclass(frozen=True, slots=True)
class Fault:
    """``message`` may use the fields of Place and of its names, ``error`` and ``kind``; ``retryable``:
    waiting may help."""

    message: str
    retryable: bool = True


UNREACHABLE = Fault("{where} cannot be reached; {reach}")
SILENT = Fault("{where} took the request and then said nothing; {reach}")
BROKEN = Fault("{where} broke off in the middle of its answer; ask again, or look into its log")
REFUSED = Fault("{where} refused the key or account; set the provider's API key", retryable=False)
MISSING = Fault("{where} does not have the model; {missing}", retryable=False)
BUSY = Fault("{where} is over its limit of requests; ask again later")
REJECTED = Fault("{where} rejected the request: {error}", retryable=False)
FAILED = Fault("{where} failed: {error}; look into its log, or set {model} to another")
UNKNOWN = Fault("{where} failed: {kind}: {error}", retryable=False)
SLOW: Mapping[str, Fault] = {
    "first": Fault(
        "{where} did not begin to answer in time; raise {first}, for a model that is still loading {load}, "
        "or set {model} to a smaller one"
    ),
    "whole": Fault(
        "{where} did not finish its answer in time; raise {whole}, or set {model} to a smaller one"
    ),
}

ERRORS: Mapping[str, Fault] = {
    "builtins.ConnectionError": UNREACHABLE,
    "httpx.ConnectError": UNREACHABLE,
    "httpx.ConnectTimeout": UNREACHABLE,
    "httpx.UnsupportedProtocol": UNREACHABLE,
    "httpx.InvalidURL": UNREACHABLE,
    "httpx.TimeoutException": SILENT,
    "builtins.TimeoutError": SILENT,
    "httpx.TransportError": BROKEN,
    "rag.faults.BrokenStream": BROKEN,
    "json.decoder.JSONDecodeError": BROKEN,
    "pydantic_core._pydantic_core.ValidationError": BROKEN,
    "ollama._types.ResponseError": FAILED,
}
"""By full name of the class or of one of its bases; the most derived wins."""

STATUSES: Mapping[int, Fault] = {
    400: REJECTED,
    401: REFUSED,
    403: REFUSED,
    404: MISSING,
    408: SILENT,
    422: REJECTED,
    429: BUSY,
}
"""By HTTP status, where the error carries one; other statuses from 500 on are FAILED."""


class BrokenStream(Exception):
    """The answer ended without the sign that it was complete."""


def unavailable(error: Exception, place: Place) -> ModelUnavailable:
    """The same trouble, in words that name the model's setting and the remedy, without passwords."""
    if isinstance(error, ModelUnavailable):
        return error
    fault = _fault(error)
    text = fault.message.format(
        where=place.where,
        reach=place.reach,
        missing=place.missing,
        error=error,
        kind=type(error).__name__,
        **asdict(place.settings),
    )
    found = ModelUnavailable(without_password(f"{place.settings.model}={place.value}: {text}"))
    found.retryable = fault.retryable
    return found


def _fault(error: Exception) -> Fault:
    if isinstance(error, DeadlineExceeded):
        return SLOW[error.stage]
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return STATUSES.get(status, FAILED)
    names = (f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__)
    return next((ERRORS[name] for name in names if name in ERRORS), UNKNOWN)
