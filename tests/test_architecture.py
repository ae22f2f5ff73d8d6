"""Imports go one way, and each vendor has one owner: held by parsing the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("rag", "ingest", "api")

MAY_IMPORT: dict[str, set[str]] = {
    "rag.types": set(),
    "rag.errors": set(),
    "rag.folding": set(),
    "rag.once": set(),
    "rag.filter_times": {"rag.types", "rag.errors"},
    "rag.filter_size": {"rag.types"},
    "rag.filter_text": {"rag.types", "rag.errors", "rag.filter_size", "rag.filter_times"},
    "rag.urls": set(),
    "rag.relay": set(),
    "rag.faults": {"rag.errors", "rag.urls", "rag.relay"},
    "rag.ollama": {"rag.errors", "rag.urls", "rag.relay", "rag.faults", "rag.once"},
    "rag.observing": set(),
    "rag.courtesy": set(),
    "rag.breaker": {"rag.errors"},
    "rag.guarding": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.questions",
        "rag.breaker",
        "rag.observing",
    },
    "rag.languages": set(),
    "rag.settings": {"rag.errors", "rag.urls"},
    "rag.protocols": {"rag.types"},
    "rag.origin": set(),
    "rag.citations": {"rag.types"},
    "rag.questions": {"rag.types"},
    "rag.wording": {"rag.folding"},
    "rag.faithfulness": {"rag.types", "rag.errors", "rag.protocols", "rag.relay", "rag.wording"},
    "rag.models": {"rag.types", "rag.origin"},
    "rag.arrays": {"rag.types"},
    "rag.images": {"rag.types", "rag.errors"},
    "rag.blobs": {"rag.types", "rag.errors", "rag.urls"},
    "rag.fetch": {"rag.errors", "rag.urls"},
    "rag.records": {"rag.types", "rag.errors", "rag.urls"},
    "rag.encoders": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.models",
        "rag.images",
        "rag.arrays",
        "rag.once",
    },
    "rag.training": {
        "rag.types",
        "rag.errors",
        "rag.images",
        "rag.models",
        "rag.origin",
        "rag.encoders",
    },
    "rag.store": {"rag.types", "rag.errors", "rag.protocols", "rag.folding", "rag.filter_size", "rag.urls"},
    "rag.captioner": {
        "rag.types",
        "rag.errors",
        "rag.faults",
        "rag.images",
        "rag.languages",
        "rag.ollama",
        "rag.urls",
    },
    "rag.generation": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.settings",
        "rag.folding",
        "rag.urls",
        "rag.relay",
        "rag.faults",
        "rag.ollama",
        "rag.citations",
        "rag.questions",
        "rag.images",
    },
    "rag.rerankers": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.once",
        "rag.faults",
        "rag.ollama",
        "rag.images",
        "rag.encoders.loading",
        "rag.retrieval.fusion",
    },
    "rag.retrieval": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.folding",
        "rag.observing",
        "rag.courtesy",
    },
    "rag.pages": {"rag.errors"},
    "rag.index_files": {"rag.types", "rag.errors", "rag.protocols"},
    "rag.vision": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.images",
        "rag.once",
        "rag.duplicates",
        "rag.folding",
        "rag.evaluation.resampling",
        "rag.retrieval.fairness",
    },
    "rag.duplicates": {"rag.types", "rag.protocols"},
    "rag.evaluation": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.images",
        "rag.folding",
        "rag.retrieval",
        "rag.pages",
    },
    "rag.pipeline": {
        "rag.types",
        "rag.errors",
        "rag.protocols",
        "rag.retrieval",
        "rag.vision",
        "rag.languages",
        "rag.citations",
        "rag.questions",
        "rag.faithfulness",
        "rag.observing",
        "rag.duplicates",
    },
    "rag.build": {"rag"},
    "rag.langchain": {
        "rag.types",
        "rag.errors",
        "rag.questions",
        "rag.pipeline",
        "rag.build",
        "rag.filter_text",
    },
    "ingest": {"rag"},
    "api": {"rag", "ingest"},
}
"""Who may import which of ours, besides itself. `rag` itself holds the version only."""

OWNERS: dict[str, tuple[str, ...]] = {
    "pymilvus": ("rag.store",),
    "milvus_lite": ("rag.store",),
    "PIL": ("rag.images",),
    "pillow_heif": ("rag.images",),
    "torch": ("rag.encoders", "rag.rerankers", "rag.training"),
    "transformers": ("rag.encoders", "rag.training"),
    "sentence_transformers": ("rag.encoders", "rag.rerankers", "rag.training"),
    "peft": ("rag.training.lora",),
    "onnxruntime": ("rag.encoders",),
    "open_clip": ("rag.encoders",),
    "huggingface_hub": ("rag.encoders.imagebind.files",),
    "langchain": ("rag.generation",),
    "langchain_core": ("rag.generation", "rag.langchain"),
    "langchain_ollama": ("rag.generation",),
    "xllamacpp": ("rag.generation",),
    "ollama": ("rag.ollama",),
    "faiss": ("rag.index_files",),
    "jinja2": ("rag.evaluation.report", "rag.vision.report"),
    "av": ("ingest.videos.decoding", "ingest.sounds.decoding", "ingest.sounds.tracks"),
    "pypdfium2": ("ingest.documents",),
    "rapidocr": ("ingest.ocr",),
    "lxml": ("ingest.documents",),
    "openpyxl": ("ingest.documents",),
    "markdown_it": ("ingest.documents",),
    "charset_normalizer": ("ingest.documents",),
    "langchain_text_splitters": ("ingest.documents",),
    "fsspec": ("rag.blobs", "ingest.sources"),
    "defusedxml": ("rag.images",),
    "pyarrow": ("ingest.sources", "rag.store.embedded"),
    "yaml": ("rag.vision.moderation",),
    "sqlalchemy": ("rag.records",),
    "alembic": ("rag.records",),
    "dbos": ("ingest.workflows", "ingest.worker"),
    "pydantic_settings": ("rag.settings",),
    "fastapi": ("api",),
    "uvicorn": ("api",),
    "mcp": ("api.mcp",),
    "opentelemetry": ("api.telemetry.tracing",),
    "mcp_types": ("api.mcp",),
    "prometheus_client": ("api.telemetry", "api.routes.metrics"),
    "typer": ("api",),
    "watchfiles": ("api.cli.syncing",),
    "httpx": ("api", "rag.fetch", "rag.generation", "rag.ollama"),
    "httpcore": ("rag.fetch",),
}
"""Which of our modules alone may import a vendor's package."""


def violations(module: str, source: str) -> list[str]:
    """What ``module``, with this source, imports against the rules."""
    found = []
    layer = _layer(module)
    for name in _imported(source):
        top = name.split(".")[0]
        if top in PACKAGES:
            allowed = MAY_IMPORT[layer] | {layer, "rag.__version__"}
            if not any(_within(name, part) for part in allowed) and name != "rag":
                found.append(f"{module} imports {name}; {layer} may import {sorted(allowed)}")
        elif top in OWNERS and not any(_within(module, owner) for owner in OWNERS[top]):
            found.append(f"{module} imports {name}; only {OWNERS[top]} may")
    return found


def test_imports_go_one_way() -> None:
    problems = [
        problem for module, path in _modules() for problem in violations(module, path.read_text("utf-8"))
    ]
    assert not problems, "\n".join(problems)


def test_every_module_has_a_layer() -> None:
    for module, _ in _modules():
        _layer(module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("rag.types", "from rag.errors import OlharError"),
        ("rag.retrieval.fusion", "from rag.store import MilvusStore"),
        ("rag.pipeline", "from rag import store"),
        ("rag.pipeline", "import rag.encoders.compact"),
        ("rag.settings", "def f():\n    from ingest.run import ingest"),
        ("ingest.run", "import api.app"),
        ("ingest.run", "import torch"),
        ("api.app", "from pymilvus import MilvusClient"),
        ("rag.vision.zero_shot", "from PIL import Image"),
        ("rag.store.rows", "from ..encoders import compact"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert violations(module, source)


def _modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _layer(module: str) -> str:
    """The longest key of the table that holds the module."""
    keys = [key for key in MAY_IMPORT if _within(module, key)]
    if module == "rag":
        return "rag.types"
    assert keys, (
        f"{module} has no place in the architecture: add it to MAY_IMPORT and to docs/architecture.md"
    )
    return max(keys, key=len)


def _imported(source: str) -> Iterator[str]:
    """Absolute names of everything imported, wherever in the file; a relative import is its own name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield f"rag.relative-import-of-{node.module}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")
