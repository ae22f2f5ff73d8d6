"""The Python in the documentation runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(
    "name", ["quality.md", "fairness.md", "curation.md", "classification.md", "moderation.md", "video.md"]
)
def test_the_examples_of_a_page_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```", (DOCS / name).read_text("utf-8"), re.M | re.S)
    assert examples
    made: dict[str, object] = {}
    for example in examples:
        exec(compile(example, f"docs/{name}", "exec"), made)
