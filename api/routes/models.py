"""What there is to chat with, to embed with and to rerank with, as OpenAI lists models."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from api.deps import System, Who
from api.errors import ModelNotFound
from api.routes.chat_schemas import ModelOut, ModelsOut
from api.routes.reranking import model_names
from api.security.needs import READ
from rag.build import Olhar

router = APIRouter(tags=["openai"])


@router.get("/v1/models", operation_id="models", dependencies=[READ])
def models(request: Request, olhar: System, who: Who) -> ModelsOut:
    """The collections, as models to chat with, and what embeds and reranks."""
    return ModelsOut(data=_models(request, olhar, who.tenant))


@router.get("/v1/models/{model:path}", operation_id="model", dependencies=[READ])
def model(
    model: Annotated[str, Path(max_length=1000)], request: Request, olhar: System, who: Who
) -> ModelOut:
    """One of them, by its name."""
    for one in _models(request, olhar, who.tenant):
        if one.id == model:
            return one
    raise ModelNotFound(f"there is no model {model!r}; /v1/models lists them")


def _models(request: Request, olhar: Olhar, tenant: str) -> list[ModelOut]:
    created: int = request.app.state.started
    names = [
        *dict.fromkeys((olhar.encoder.fingerprint.name, *model_names(olhar))),
        "olhar",
        *(f"olhar/{c.name}" for c in olhar.store.collections(tenant)),
    ]
    return [ModelOut(id=name, created=created) for name in names]
