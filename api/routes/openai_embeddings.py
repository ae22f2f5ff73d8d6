"""OpenAI's embeddings: vectors of texts, and of pictures, in the space of the pictures."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.deps import Long, System, Who, scope_of
from api.errors import ModelNotFound
from api.query_schemas import Text
from api.routes.chat_schemas import UsageOut
from api.routes.forms import json_body, json_schema
from api.routes.pictures import picture_bytes, pixels_of
from api.security.needs import READ
from rag.build import Olhar
from rag.errors import BadImage, InvalidInput
from rag.types import NO_USAGE, Matrix, Pixels, Scope

router = APIRouter(tags=["openai"])

MOST = 2048
"""Inputs of one request, as at OpenAI."""
PICTURE = "data:"
AT_A_TIME = 32
"""Pictures that are decoded together."""

Line = Annotated[Text, StringConstraints(min_length=1)]
Picture = Annotated[str, StringConstraints(pattern=r"^(?i:data):")]


class EmbeddingsIn(BaseModel):
    """Texts to embed; one that is a data URI (``data:image/…``) is a picture."""

    model_config = ConfigDict(extra="forbid")

    model: str
    input: Picture | Line | Annotated[list[Picture | Line], Field(min_length=1, max_length=MOST)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    user: str | None = None


class VectorOut(BaseModel):
    """A vector of length 1; in base64 its little-endian 32-bit floats."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsOut(BaseModel):
    """The vectors, in the order of the input. Tokens are not counted."""

    object: Literal["list"] = "list"
    model: str
    data: list[VectorOut]
    usage: UsageOut


async def _body(request: Request) -> EmbeddingsIn:
    return await json_body(request, EmbeddingsIn)


@router.post(
    "/v1/embeddings",
    operation_id="embeddings",
    dependencies=[READ],
    openapi_extra={"requestBody": {"required": True, "content": json_schema("EmbeddingsIn")}},
)
async def embeddings(
    body: Annotated[EmbeddingsIn, Depends(_body)], olhar: System, who: Who, long: Long
) -> EmbeddingsOut:
    """Vectors of the image encoder, in which texts and pictures compare by their cosine."""
    encoder = olhar.encoder
    if body.model not in (encoder.fingerprint.name, olhar.settings.encoder):
        raise ModelNotFound(
            f"there is no model {body.model!r} to embed with; it is {encoder.fingerprint.name!r}"
        )
    if body.dimensions not in (None, encoder.fingerprint.dimension):
        raise InvalidInput(
            f"dimensions: {encoder.fingerprint.name} has {encoder.fingerprint.dimension}; leave it out"
        )
    inputs = [body.input] if isinstance(body.input, str) else body.input
    vectors = await long.encoding.run(_encoded, olhar, scope_of(olhar, who, None), inputs)
    return EmbeddingsOut(
        model=body.model,
        data=[
            VectorOut(index=n, embedding=_written(vector, body.encoding_format))
            for n, vector in enumerate(vectors)
        ],
        usage=UsageOut.of(NO_USAGE),
    )


def _encoded(olhar: Olhar, scope: Scope, inputs: list[str]) -> Matrix:
    """A row for each input. Raises BadImage, naming which."""
    pictures = [n for n, text in enumerate(inputs) if text[: len(PICTURE)].lower() == PICTURE]
    texts = sorted(set(range(len(inputs))) - set(pictures))
    rows = np.zeros((len(inputs), olhar.encoder.fingerprint.dimension), np.float32)
    if texts:
        rows[texts] = olhar.encoder.encode_text_queries([inputs[n] for n in texts])
    # A few kilobytes of picture may be megabytes of pixels: only some are held at a time.
    for start in range(0, len(pictures), AT_A_TIME):
        some = pictures[start : start + AT_A_TIME]
        rows[some] = olhar.encoder.encode_images([_pixels(olhar, scope, inputs, n) for n in some])
    return rows


def _pixels(olhar: Olhar, scope: Scope, inputs: list[str], place: int) -> Pixels:
    try:
        data = picture_bytes(inputs[place], olhar, scope)
        return pixels_of(data, olhar.settings)
    except BadImage as error:
        raise BadImage(f"input.{place}: {error}") from None


def _written(vector: Any, form: str) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
    return [float(number) for number in vector]
