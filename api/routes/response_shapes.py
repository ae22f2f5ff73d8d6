"""The JSON of OpenAI's responses: what is answered, whole and in events."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, JsonValue

from api.routes.chat_schemas import EvidenceListOut
from api.schemas import AskOut
from rag.types import Usage

Status: TypeAlias = Literal["in_progress", "completed", "incomplete", "failed"]
FailureCode: TypeAlias = Literal["server_error", "rate_limit_exceeded"]
"""Those of OpenAI's that are said here."""


class OutputText(BaseModel):
    """What was written. The citations are in ``olhar``."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[JsonValue] = []
    logprobs: list[JsonValue] = []


class OutputRefusal(BaseModel):
    """An answer in JSON was asked for, and there is none."""

    type: Literal["refusal"] = "refusal"
    refusal: str


class OutputMessage(BaseModel):
    id: str
    type: Literal["message"] = "message"
    status: Literal["in_progress", "completed", "incomplete"]
    role: Literal["assistant"] = "assistant"
    content: list[OutputText | OutputRefusal]


class CachedTokens(BaseModel):
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class ReasoningTokens(BaseModel):
    reasoning_tokens: int = 0


class ResponseUsageOut(BaseModel):
    """Tokens by the language model's own count; zero where it was not asked, and what is not counted."""

    input_tokens: int
    input_tokens_details: CachedTokens = CachedTokens()
    output_tokens: int
    output_tokens_details: ReasoningTokens = ReasoningTokens()
    total_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> ResponseUsageOut:
        read, written = usage.prompt_tokens, usage.completion_tokens
        return cls(input_tokens=read, output_tokens=written, total_tokens=read + written)


class Incomplete(BaseModel):
    reason: Literal["max_output_tokens"] = "max_output_tokens"


class FailureOut(BaseModel):
    code: FailureCode
    message: str


class TextOut(BaseModel):
    """The form that was asked for."""

    format: dict[str, JsonValue]


class ResponseOut(BaseModel):
    """A response. ``olhar`` is what makes the answer checkable; while it is written, the evidence."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Status
    error: FailureOut | None = None
    incomplete_details: Incomplete | None = None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[OutputMessage]
    parallel_tool_calls: bool = False
    previous_response_id: None = None
    store: Literal[False] = False
    temperature: float | None
    text: TextOut
    tool_choice: Literal["none"] = "none"
    tools: list[JsonValue] = []
    top_p: None = None
    truncation: Literal["auto"] = "auto"
    usage: ResponseUsageOut | None = None
    olhar: EvidenceListOut | AskOut | None = None


class ResponseEvent(BaseModel):
    """An event of a stream, ``type`` its name; it has the fields that OpenAI's of this name has."""

    type: str
    sequence_number: int
    response: ResponseOut | None = None
    output_index: int | None = None
    item: OutputMessage | None = None
    item_id: str | None = None
    content_index: int | None = None
    part: OutputText | OutputRefusal | None = None
    delta: str | None = None
    text: str | None = None
    refusal: str | None = None
    logprobs: list[JsonValue] | None = None
