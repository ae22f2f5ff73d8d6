from __future__ import annotations

import builtins
import importlib
from dataclasses import asdict, replace

import pytest

from rag.errors import ModelUnavailable
from rag.faults import ERRORS, SLOW, STATUSES, UNKNOWN, Fault, Place, SettingNames, unavailable
from rag.relay import DeadlineExceeded

PLACE = Place("ollama:m", "Ollama at http://x", "start it", "`ollama pull m`")


@pytest.mark.parametrize("name", ERRORS)
def test_every_row_names_an_error_that_exists(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    found = getattr(builtins if module == "builtins" else importlib.import_module(module), attribute)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" in {name, name.replace("httpx.", "httpx._exceptions.")}


@pytest.mark.parametrize("fault", [*ERRORS.values(), *STATUSES.values(), *SLOW.values(), UNKNOWN])
def test_every_message_can_be_filled(fault: Fault) -> None:
    names = asdict(SettingNames())
    text = fault.message.format(where="w", reach="r", missing="m", error="e", kind="k", **names)
    assert "{" not in text


def test_an_error_of_ours_passes_unchanged() -> None:
    error = ModelUnavailable("as it is")
    assert unavailable(error, PLACE) is error


def test_the_message_names_the_settings_of_its_place() -> None:
    place = replace(PLACE, settings=SettingNames("OLHAR_OTHER", "OLHAR_OTHER_LOAD", "OLHAR_OTHER_WHOLE"))
    assert str(unavailable(ConnectionError("gone"), place)).startswith("OLHAR_OTHER=ollama:m: Ollama at")
    assert "OLHAR_OTHER_LOAD" in str(unavailable(DeadlineExceeded("first", 1), place))
    assert "OLHAR_OTHER_WHOLE" in str(unavailable(DeadlineExceeded("whole", 1), place))
