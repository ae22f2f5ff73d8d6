"""The JSON of OpenAI's responses, as far as it is understood here: what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

from api.query_schemas import ThreadId
from api.routes.chat_schemas import MAX_MESSAGES, MAX_TOKENS
from rag.errors import InvalidInput
from rag.types import Faithfulness, GenerationOptions, Turn

TEXTS = ("input_text", "output_text")
PICTURE = "input_image"
PARTS = f"{', '.join(TEXTS)}, {PICTURE}, refusal"
MAX_METADATA = 16


def _kind(value: object) -> str:
    """So that what is wrong in a list is said of the list."""
    return "text" if isinstance(value, str) else "list"


class InputPart(BaseModel):
    """A piece of a message: ``input_text`` or ``output_text`` with ``text``, or ``input_image`` with the
    ``image_url`` of a picture (a data URI, ``olhar:<item id>``, or a URL).
    """

    type: str
    text: str = ""
    image_url: str | None = None
    refusal: str = ""


class InputItem(BaseModel):
    """One turn: a message. Those of the output of a response may be sent back as they came."""

    type: str = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: Annotated[
        Annotated[str, Tag("text")] | Annotated[list[InputPart], Tag("list")], Discriminator(_kind)
    ] = ""

    def text(self) -> str:
        """Without its pictures; a refusal is what was said too."""
        if isinstance(self.content, str):
            return self.content
        said = (part.refusal if part.type == "refusal" else part.text for part in self.content)
        return "\n".join(text for text in said if text)

    def pictures(self) -> tuple[str, ...]:
        """Where they are."""
        parts = self.content if isinstance(self.content, list) else []
        return tuple(part.image_url or "" for part in parts if part.type == PICTURE)


class TextFormat(BaseModel):
    """Plain text, any JSON object, or JSON by a schema."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "json_object", "json_schema"] = "text"
    schema_: Annotated[dict[str, JsonValue] | None, Field(alias="schema")] = None

    def schema_of(self) -> dict[str, JsonValue] | None:
        """The schema that is asked for, if any. Raises InvalidInput."""
        if self.type == "json_object":
            return {"type": "object"}
        if self.type == "json_schema" and self.schema_ is None:
            raise InvalidInput("text.format: schema is missing")
        return self.schema_ if self.type == "json_schema" else None


class TextConfig(BaseModel):
    """How the text of the answer is to be. ``verbosity`` has no effect."""

    format: TextFormat = TextFormat()
    verbosity: str | None = None


class ResponseIn(BaseModel):
    """A request; the other parameters of OpenAI's API are checked one by one in the route."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    input: Annotated[
        Annotated[str, Tag("text")]
        | Annotated[list[InputItem], Field(min_length=1, max_length=MAX_MESSAGES), Tag("list")],
        Discriminator(_kind),
    ]
    instructions: str | None = None
    stream: bool | None = False
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] | None = None
    text: TextConfig | None = None
    metadata: Annotated[dict[str, str], Field(max_length=MAX_METADATA)] | None = None
    thread: ThreadId | None = None
    faithfulness: Faithfulness | None = None

    def asked(self) -> tuple[InputItem, tuple[Turn, ...]]:
        """The last message of the user, and the turns before it. Raises InvalidInput."""
        items = self.items()
        place = max((n for n, item in enumerate(items) if item.role == "user"), default=None)
        if place is None:
            raise InvalidInput('input: there is no message of role "user"')
        return items[place], tuple(_turns(items[:place]))

    def items(self) -> list[InputItem]:
        """What was sent, as messages. Raises InvalidInput for anything else."""
        if isinstance(self.input, str):
            return [InputItem(role="user", content=self.input)]
        for n, item in enumerate(self.input):
            _check(item, f"input[{n}]")
        return self.input

    def options(self) -> GenerationOptions:
        """How the answer is to be written. Raises InvalidInput."""
        told = [item.text() for item in self.items() if item.role in ("system", "developer")]
        return GenerationOptions(
            temperature=self.temperature,
            max_tokens=self.max_output_tokens,
            schema=self.text.format.schema_of() if self.text else None,
            instructions="\n".join(text for text in (self.instructions or "", *told) if text.strip()),
        )


def _check(item: InputItem, where: str) -> None:
    if item.type != "message" or item.role is None:
        what = f"items of type {item.type!r}" if item.type != "message" else "messages without a role"
        raise InvalidInput(f"{where}: {what} are not supported; send messages of users and assistants")
    for n, part in enumerate(item.content if isinstance(item.content, list) else ()):
        if part.type not in (*TEXTS, PICTURE, "refusal"):
            raise InvalidInput(f"{where}.content[{n}]: {part.type!r} is not supported; there are: {PARTS}")
        if part.type == PICTURE and not part.image_url:
            raise InvalidInput(
                f"{where}.content[{n}]: image_url is missing; a stored picture is olhar:<item id>"
            )


def _turns(items: list[InputItem]) -> Iterator[Turn]:
    for item in items:
        text = item.text()
        if text.strip() and (item.role == "user" or item.role == "assistant"):
            yield Turn(item.role, text)
