"""For every test: no network but loopback, a fresh home, no settings from outside."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.postgres import Postgres, programs, running

REQUIRE_ALL = "TESTS_REQUIRE_ALL"
CLIENTS = Path(__file__).parents[1] / ".clients"
"""Where `make clients` installs them."""
ELSEWHERE = "npm"
"""The mark of tests whose part comes from another registry than all the rest: it may be out of reach."""
LOOPBACK = ("127.", "::1", "localhost")

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's client is imported

# No verdict hangs on how busy the machine is, and the same code gets the same one.
hypothesis_settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
hypothesis_settings.load_profile("steady")

_skipped: list[str] = []


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [name for name in os.environ if name.startswith("OLHAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if isinstance(address, tuple) and not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled models: those of the installation where `make install` made them, else fresh ones."""
    shared = Path(sys.prefix) / "share" / "olhar" / "models"
    return shared if shared.is_dir() else tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres server of the tests' own."""
    folder = programs()
    if folder is None:
        pytest.skip("Postgres is not installed; on Debian: apt-get install postgresql")
    with running(folder) as server:
        yield server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of parts that need not be there are left out, not skipped, where there is no such part."""
    import torch

    there = {"gpu": torch.cuda.is_available(), "open_clip": find_spec("open_clip") is not None}
    for mark in [mark for mark, is_there in there.items() if not is_there]:
        marked = [item for item in items if item.get_closest_marker(mark)]
        if marked:
            config.hook.pytest_deselected(items=marked)
            items[:] = [item for item in items if item not in marked]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and ELSEWHERE not in report.keywords:
        _skipped.append(f"{report.nodeid}: {report.longrepr[-1] if report.longrepr else ''}")  # type: ignore[index]  # a tuple for skips


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything has to be there (`.ci/run`), a skipped test is a failed one."""
    if _skipped and os.environ.get(REQUIRE_ALL):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nskipped, though everything is required:\n" + "\n".join(_skipped))
