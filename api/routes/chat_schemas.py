"""The JSON of OpenAI's chat completions, as far as it is understood here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import AskOut


class ImageUrl(BaseModel):
    """A picture as a data URI."""

    url: str


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ImagePart(BaseModel):
    type: Literal["image_url"]
    image_url: ImageUrl


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Message(BaseModel):
    """One turn. What only other roles have (tool calls, names) is not looked at."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class ChatIn(BaseModel):
    """A request; the other parameters of OpenAI's API are checked one by one in the route."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = False


class Reply(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    index: int = 0
    message: Reply
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatOut(BaseModel):
    """A completion. ``olhar`` is what makes the answer checkable; tokens are not counted, so no ``usage``."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    olhar: AskOut


class ModelOut(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["olhar"] = "olhar"


class ModelsOut(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelOut]
