"""Vectors and similarities of the image encoder, for programs that do their own searching."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from api.deps import Long, System
from api.errors import invalid
from api.routes.forms import FILE, form_body, form_schema, json_body, json_schema
from api.routes.pictures import only_file, pixels_of, sound_of
from api.routes.request_schemas import TextIn
from api.schemas import EmbeddingOut, SimilarityOut
from api.security.needs import READ
from ingest.sounds.reading import hearing
from rag.protocols import ImageEncoder
from rag.types import Pixels, Sound

router = APIRouter(tags=["embedding"])


async def _text(request: Request) -> TextIn:
    return await json_body(request, TextIn)


async def _picture(request: Request, olhar: System) -> Pixels:
    async with form_body(request, fields=frozenset(), file_key="file") as form:
        data = await only_file(form, "file")
    return await run_in_threadpool(pixels_of, data, olhar.settings)


async def _sound(request: Request, olhar: System, long: Long) -> Sound:
    async with form_body(request, fields=frozenset(), file_key="file") as form:
        data = await only_file(form, "file")
    return await sound_of(data, olhar, long)


async def _pair(request: Request, olhar: System) -> tuple[str, Pixels]:
    async with form_body(request, fields=frozenset({"text"}), file_key="file") as form:
        try:
            text = TextIn.model_validate(dict(form.fields)).text
        except ValidationError as error:
            raise invalid(error) from None
        data = await only_file(form, "file")
    return text, await run_in_threadpool(pixels_of, data, olhar.settings)


@router.post(
    "/embed/text",
    operation_id="embed_text",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": json_schema("TextIn")}},
)
async def embed_text(body: Annotated[TextIn, Depends(_text)], olhar: System, long: Long) -> EmbeddingOut:
    """A text's vector in the space of the pictures."""
    vectors = await long.encoding.run(olhar.encoder.encode_text_queries, [body.text])
    return EmbeddingOut(embedding=vectors.tolist())


@router.post(
    "/embed/image",
    operation_id="embed_image",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": form_schema({"file": FILE}, ("file",))}},
)
async def embed_image(
    picture: Annotated[Pixels, Depends(_picture)], olhar: System, long: Long
) -> EmbeddingOut:
    """A picture's vector, as it would be stored."""
    vectors = await long.encoding.run(olhar.encoder.encode_images, [picture])
    return EmbeddingOut(embedding=vectors.tolist())


@router.post(
    "/embed/sound",
    operation_id="embed_sound",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": form_schema({"file": FILE}, ("file",))}},
)
async def embed_sound(sound: Annotated[Sound, Depends(_sound)], olhar: System, long: Long) -> EmbeddingOut:
    """A sound's vector, as it would be stored; where the encoder hears."""
    vectors = await long.encoding.run(hearing(olhar.encoder), [sound])
    return EmbeddingOut(embedding=vectors.tolist())


@router.post(
    "/similarity",
    operation_id="similarity",
    dependencies=[READ],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": form_schema({"text": {"type": "string"}, "file": FILE}, ("text", "file")),
        }
    },
)
async def similarity(
    pair: Annotated[tuple[str, Pixels], Depends(_pair)], olhar: System, long: Long
) -> SimilarityOut:
    """How well a text fits a picture."""
    return await long.encoding.run(_fit, olhar.encoder, *pair)


def _fit(encoder: ImageEncoder, text: str, picture: Pixels) -> SimilarityOut:
    cosine = float(encoder.encode_text_queries([text])[0] @ encoder.encode_images([picture])[0])
    cosine = max(-1.0, min(1.0, cosine))
    return SimilarityOut(similarity=encoder.logit_scale * cosine, cosine=cosine)
