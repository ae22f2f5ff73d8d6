"""What versions of packages Olhar can be installed with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def needed() -> dict[str, Requirement]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    return {one.name: one for one in map(Requirement, project["dependencies"])}


@pytest.mark.parametrize("version", ["2.5.1", "2.9.1"])
def test_no_torch_that_a_file_of_weights_can_make_run_code(
    needed: dict[str, Requirement], version: str
) -> None:
    # CVE-2025-32434 (2.5.1 and before) and CVE-2026-24747 (before 2.10).
    assert not needed["torch"].specifier.contains(version)
