"""Look at every part of an installation: chosen, reachable, on which device, and the remedy if not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import httpx

from api.administration import Administration
from api.cli.backend import differing
from api.cli.remote import key_headers
from api.owner import Server, acquire, serving
from api.record_schemas import LastReconciledOut
from api.schemas import HealthOut, PartOut
from rag.build import Olhar, build
from rag.errors import OlharError, Unavailable
from rag.settings import Settings
from rag.urls import without_password

HEALTH_SECONDS = 10.0
PARTS = {
    "encoder": "encoder", "text_encoder": "text encoder", "llm": "language model", "reranker": "reranker",
    "store": "store",
}  # fmt: skip
"""The names of a server's parts, as they are called here."""


@dataclass(frozen=True, slots=True)
class PartReport:
    """The state of one part. ``detail`` holds the remedy when it failed."""

    part: str
    chosen: str
    state: Literal["ok", "failed", "skipped"]
    device: str
    detail: str


NO_RERANKER = PartReport("reranker", "none", "skipped", "", "none is configured (OLHAR_RERANKER)")


def examine(settings: Settings) -> list[PartReport]:
    """One report a part; a part that fails does not hide the others.

    Parts that a running server has are looked at by asking it; else each is loaded here.
    """
    server = serving(settings.data)
    with build(settings) as olhar:
        reports = (
            []
            if server is not None
            else [
                _part("encoder", settings.encoder, lambda: _encoder(olhar)),
                _part("text encoder", _text_encoder_name(settings), lambda: _text_encoder(olhar)),
                _part("language model", settings.llm, lambda: _generator(olhar)),
                NO_RERANKER
                if settings.reranker == "none"
                else _part("reranker", settings.reranker, lambda: _reranker(olhar)),
            ]
        )
        reports += [
            _described(settings, server),
            _part("originals", without_password(olhar.blobs.url), lambda: _originals(olhar)),
        ]
        if server is not None:
            return [
                *_health(settings, server),
                *reports,
                _reconciled(settings, lambda: _asked(settings, server)),
            ]
        try:
            with acquire(settings.data):
                reports.append(PartReport("data folder", str(settings.data), "ok", "", "free"))
                reports.append(_part("store", _store_name(settings), lambda: _store(olhar)))
                reports.append(_reconciled(settings, Administration(olhar).reconciled))
                olhar.close()
        except OlharError as error:
            reports.append(PartReport("data folder", str(settings.data), "failed", "", str(error)))
        return reports


def _health(settings: Settings, server: Server) -> list[PartReport]:
    """The data folder, and what the server says of its own parts."""
    where = f"served at {server.url}"
    differences = differing(settings, server)
    folder = PartReport(
        "data folder",
        str(settings.data),
        "failed" if differences else "ok",
        "",
        "; ".join([where, *differences]),
    )
    try:
        answer = _get(settings, server, "/health")
        parts = HealthOut.model_validate_json(answer.content).parts
    except (httpx.HTTPError, ValueError) as error:
        reason = _silent(server, error)
        failed = [PartReport(name, "", "failed", "", reason) for name in PARTS.values()]
        none = settings.reranker == "none"
        return [folder, *(NO_RERANKER if none and r.part == "reranker" else r for r in failed)]
    return [folder, *(_told(name, part, settings, server) for name, part in parts.items() if name in PARTS)]


def _reconciled(settings: Settings, last: Callable[[], LastReconciledOut | None]) -> PartReport:
    """Whether originals, records and Milvus agreed when they were last compared."""
    part, hours = "reconciliation", settings.reconcile_hours
    chosen = f"every {hours:g} hours" if hours else "when asked"
    try:
        found = last()
    except OlharError as error:
        return PartReport(part, chosen, "failed", "", str(error))
    if found is None:
        return PartReport(part, chosen, "skipped", "", "the server is of an earlier version; restart it")
    if found.ended_at is None:
        return PartReport(part, chosen, "skipped", "", "not done yet: `olhar reconcile`")
    when = datetime.fromtimestamp(found.ended_at).astimezone().strftime("%Y-%m-%d %H:%M")
    if found.left:
        detail = f"{found.left} differences left at {when}: `olhar reconcile --repair`"
        return PartReport(part, chosen, "failed", "", detail)
    return PartReport(part, chosen, "ok", "", f"all agreed at {when}")


def _asked(settings: Settings, server: Server) -> LastReconciledOut | None:
    """What the server says of it; None from one that has no such route yet."""
    try:
        answer = _get(settings, server, "/v1/reconcile")
        if answer.status_code == 404:
            return None
        return LastReconciledOut.model_validate_json(answer.content)
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(_silent(server, error)) from None


def _get(settings: Settings, server: Server, route: str) -> httpx.Response:
    """Raises httpx.HTTPError, and _KeyWanted where a key is missing or is not taken."""
    answer = httpx.get(
        f"{server.url}{route}", timeout=HEALTH_SECONDS, trust_env=False, headers=key_headers(settings)
    )
    if answer.status_code in (401, 403):
        raise _KeyWanted
    return answer


def _silent(server: Server, error: Exception) -> str:
    if isinstance(error, _KeyWanted):
        return f"the server at {server.url} asks for a key with the scope read: set OLHAR_API_KEY"
    return f"the server at {server.url} does not say: {error or type(error).__name__}; restart it"


class _KeyWanted(ValueError):
    """The server answers only to who has a key."""


def _told(name: str, part: PartOut, settings: Settings, server: Server) -> PartReport:
    if name == "reranker" and part.detail.get("name") == "none":
        return NO_RERANKER
    detail = dict(part.detail)
    device = detail.pop("device", "")
    chosen = _store_name(settings) if name == "store" else str(server.decided.get(name, ""))
    if name == "text_encoder":
        chosen = chosen or str(server.decided.get("encoder", ""))
    known = ", ".join(f"{key}: {value}" for key, value in detail.items())
    return PartReport(PARTS[name], chosen, part.state, device, f"{known} (at {server.url})")


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
    olhar.warm_encoder()
    encoder = olhar.encoder
    languages = ", ".join(encoder.languages) or "not declared"
    return encoder.device, f"dimension {encoder.fingerprint.dimension}, languages: {languages}"


def _text_encoder(olhar: Olhar) -> tuple[str, str]:
    olhar.warm_text_encoder()
    encoder = olhar.text_encoder
    reads = f"{encoder.max_tokens} tokens" if encoder.max_tokens else "all"
    name, dimension = encoder.fingerprint.name, encoder.fingerprint.dimension
    return encoder.device, f"{name}, dimension {dimension}, reads {reads} of a text"


def _generator(olhar: Olhar) -> tuple[str, str]:
    found = olhar.generator.check()
    return found.get("device", ""), found.get("model", "")


def _reranker(olhar: Olhar) -> tuple[str, str]:
    """Loaded, and tried on pairs with known answers."""
    if olhar.reranker is None:
        return "", ""
    olhar.reranker.warm()
    found = olhar.reranker.check()
    return found.get("device", ""), f"{found.get('model', '')}, tells known answers apart"


def _described(settings: Settings, server: Server | None) -> PartReport:
    """Who describes pictures: what is set here, or for the server."""
    chosen = settings.captioner if server is None else str(server.decided.get("captioner", "none"))
    if chosen == "none":
        return PartReport("captioner", chosen, "skipped", "", "none is configured (OLHAR_CAPTIONER)")
    if chosen == "tags":
        return PartReport("captioner", chosen, "ok", "", "the encoder gives photos without tags some")
    with build(settings.model_copy(update={"captioner": chosen})) as olhar:
        return _part("captioner", chosen, lambda: _captioner(olhar))


def _captioner(olhar: Olhar) -> tuple[str, str]:
    if olhar.captioner is None:
        return "", ""
    found = olhar.captioner.check()
    return found.get("device", ""), f"{found.get('model', '')} can see"


def _originals(olhar: Olhar) -> tuple[str, str]:
    olhar.blobs.check()
    return "", "can be written and read"


def _store(olhar: Olhar) -> tuple[str, str]:
    collections = olhar.store.collections(olhar.settings.tenant)
    images = sum(collection.images for collection in collections)
    return "", f"{len(collections)} collections, {images} images"


def _text_encoder_name(settings: Settings) -> str:
    """Unset, it is the text side of the encoder."""
    return settings.text_encoder or settings.encoder


def _store_name(settings: Settings) -> str:
    return without_password(settings.store_uri)
