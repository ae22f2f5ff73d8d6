"""Look at every part of an installation: chosen, reachable, on which device, and the remedy if not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from api.owner import acquire, server_of
from rag.build import Olhar, build
from rag.errors import OlharError
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class PartReport:
    """The state of one part. ``detail`` holds the remedy when it failed."""

    part: str
    chosen: str
    state: Literal["ok", "failed", "skipped"]
    device: str
    detail: str


def examine(settings: Settings) -> list[PartReport]:
    """One report a part. Loads every model once; a part that fails does not hide the others."""
    url = server_of(settings.data)
    with build(settings) as olhar:
        reports = [
            _part("encoder", settings.encoder, lambda: _encoder(olhar)),
            _part("language model", settings.llm, lambda: _generator(olhar)),
            PartReport("reranker", settings.reranker, "skipped", "", "none is configured (OLHAR_RERANKER)"),
            _part("originals", settings.blobs or str(settings.data / "originals"), lambda: ("", "")),
        ]
        if url is not None:
            reports.append(PartReport("data folder", str(settings.data), "ok", "", f"served at {url}"))
            reports.append(PartReport("store", _store_name(settings), "ok", "", f"in use by {url}"))
            return reports
        try:
            with acquire(settings.data):
                reports.append(PartReport("data folder", str(settings.data), "ok", "", "free"))
                reports.append(_part("store", _store_name(settings), lambda: _store(olhar)))
                olhar.close()
        except OlharError as error:
            reports.append(PartReport("data folder", str(settings.data), "failed", "", str(error)))
        return reports


def prepare_models(settings: Settings) -> Path:
    """Compile what the chosen encoder needs; returns the folder that holds it."""
    with build(settings) as olhar:
        olhar.warm_models()
        return olhar.models


def _part(part: str, chosen: str, look: Callable[[], tuple[str, str]]) -> PartReport:
    try:
        device, detail = look()
    except OlharError as error:
        return PartReport(part, chosen, "failed", "", str(error))
    return PartReport(part, chosen, "ok", device, detail)


def _encoder(olhar: Olhar) -> tuple[str, str]:
    olhar.warm_models()
    encoder = olhar.encoder
    languages = ", ".join(encoder.languages) or "not declared"
    return encoder.device, f"dimension {encoder.fingerprint.dimension}, languages: {languages}"


def _generator(olhar: Olhar) -> tuple[str, str]:
    found = olhar.generator.check()
    return found.get("device", ""), found.get("model", "")


def _store(olhar: Olhar) -> tuple[str, str]:
    collections = olhar.store.collections(olhar.settings.tenant)
    images = sum(collection.images for collection in collections)
    return "", f"{len(collections)} collections, {images} images"


def _store_name(settings: Settings) -> str:
    return settings.milvus_uri or str(settings.data / "milvus.db")
