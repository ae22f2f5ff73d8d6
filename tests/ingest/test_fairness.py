"""Audits from time to time: what each found is kept, and a gap over its bound is told."""

from __future__ import annotations

import logging
import threading

import pytest

from ingest import fairness
from ingest.upkeep import Upkeep
from rag.settings import Settings
from rag.store import MilvusStore
from rag.types import Scope
from rag.vision.fairness.history import Run
from tests.ingest.conftest import FakeParts
from tests.rag.vision.biased import Biased, biased_store

__all__ = ["biased_store"]


class Ends(Exception):
    """What is under way is to end."""


def test_a_scheduled_audit_is_kept_and_tells_of_a_gap(
    parts: FakeParts,
    biased_store: MilvusStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(parts, "store", biased_store)
    monkeypatch.setattr(parts, "fake", Biased())
    parts.settings = Settings(data=parts.settings.data, collection="drawn")
    scope = Scope("default", "drawn")
    assert fairness.look(parts) is None  # switched off
    hours = {"fairness_by": "group", "fairness_hours": 1.0}
    parts.settings = parts.settings.model_copy(update=hours)
    assert fairness.look(parts) is None  # a new installation has an hour
    assert fairness.kept(parts, scope) == []
    parts.settings = parts.settings.model_copy(update={"fairness_hours": 1e-9})
    with caplog.at_level(logging.WARNING):
        found = [fairness.look(parts, lambda at=at: at) for at in (100.0, 101.0)]  # type: ignore[misc]
    assert [run.at for run in found if run is not None] == [100, 101]
    assert fairness.kept(parts, scope) == found
    assert isinstance(found[0], Run)
    assert found[0].error_gap == 0.35
    assert "error gap is 0.350, more than 0.1" in caplog.text
    assert fairness.kept(parts, Scope("other", "drawn")) == []


def test_a_worker_audits_also_when_it_does_not_reconcile(
    parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.settings = parts.settings.model_copy(update={"reconcile_hours": 0, "fairness_hours": 1})
    looked = threading.Event()
    monkeypatch.setattr(fairness, "look", lambda *_, **_steps: looked.set())
    upkeep = Upkeep(parts)
    assert upkeep.look() is None
    upkeep.start()
    assert looked.wait(60)
    upkeep.tell()
    assert upkeep.ended(60)


@pytest.mark.parametrize("steps", [0, 3])
def test_an_audit_ends_when_the_worker_does(
    parts: FakeParts, biased_store: MilvusStore, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(parts, "store", biased_store)
    monkeypatch.setattr(parts, "fake", Biased())
    hours = {"collection": "drawn", "fairness_by": "group", "fairness_hours": 1e-9}
    parts.settings = Settings(data=parts.settings.data).model_copy(update=hours)
    assert fairness.look(parts) is None
    left = iter(range(steps))

    def on_step() -> None:
        if next(left, None) is None:
            raise Ends

    with pytest.raises(Ends):
        fairness.look(parts, on_step=on_step)
    assert fairness.kept(parts, Scope("default", "drawn")) == []
