"""The documentation holds: its links lead somewhere, every route and command is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from api import reference
from api.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_reference_of_the_api_is_what_the_server_says_of_itself() -> None:
    text, document = reference.PAGE.read_text("utf-8"), reference.document()
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in text, "run `make api-docs`"
    assert text == reference.page(text, document), "run `make api-docs`"


def test_every_link_within_the_reference_leads_somewhere() -> None:
    text = reference.PAGE.read_text("utf-8")
    headings = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#(.+?)\)", text)) <= headings


def test_every_command_is_in_the_documentation() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    for name in get_command(app).commands:  # type: ignore[attr-defined]  # a group of commands
        assert f"olhar {name}" in text, f"`olhar {name}` is documented nowhere"


def test_every_module_of_rag_is_in_the_table_of_folders() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `rag/")]
    named = [
        name.removeprefix("rag/").rstrip("/") for cell, _ in rows for name in re.findall(r"`(.+?)`", cell)
    ]
    there = {
        path.stem
        for path in (ROOT / "rag").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert sorted(named) == sorted(there - {"__init__"})
    cell, explained = next(row for row in rows if "rag/settings" in row[0])
    assert cell.count(",") == explained.count(";"), "one explanation a module, in their order"
