from __future__ import annotations

import builtins
import importlib

import pytest

from rag.errors import ModelUnavailable
from rag.generation.faults import ERRORS, SLOW, STATUSES, UNKNOWN, Place, unavailable

PLACE = Place("ollama:m", "Ollama at http://x", "start it", "`ollama pull m`")


@pytest.mark.parametrize("name", ERRORS)
def test_every_row_names_an_error_that_exists(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    found = getattr(builtins if module == "builtins" else importlib.import_module(module), attribute)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" in {name, name.replace("httpx.", "httpx._exceptions.")}


@pytest.mark.parametrize("fault", [*ERRORS.values(), *STATUSES.values(), *SLOW.values(), UNKNOWN])
def test_every_message_can_be_filled(fault: object) -> None:
    text = fault.message.format(where="w", reach="r", missing="m", error="e", kind="k")  # type: ignore[attr-defined]  # a Fault
    assert "{" not in text


def test_an_error_of_ours_passes_unchanged() -> None:
    error = ModelUnavailable("as it is")
    assert unavailable(error, PLACE) is error
