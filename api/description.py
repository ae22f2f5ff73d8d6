"""The OpenAPI document: what FastAPI writes, with what routes read by hand, and every error there can be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TypeAlias

from fastapi import FastAPI
from pydantic import BaseModel, Field

from api.errors import speaks_openai
from api.limits import is_upload
from api.security.description import SCHEMES

JSON: TypeAlias = dict[str, Any]


class InvalidPart(BaseModel):
    """A part of a request that is wrong."""

    where: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). ``type`` is `about:blank` where the status says it all."""

    type: str = Field(description="`urn:olhar:problem:` and the kind of error")
    title: str
    status: int
    detail: str
    instance: str
    errors: list[InvalidPart] = Field(default=[], description="with 422: what is wrong, at most 20 parts")


class OpenAIErrorBody(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """An error as OpenAI's clients read it."""

    error: OpenAIErrorBody


ERRORS: Final[Mapping[int, str]] = {
    400: "The request cannot be carried out as it is.",
    401: "A key is needed.",
    403: "This may not be done, or not from the page of another site.",
    404: "It is not there.",
    408: "The upload took too long.",
    409: "It contradicts what is stored.",
    412: "It was changed since it was read.",
    413: "The body is too large.",
    415: "The body is of a type that is not read.",
    416: "There is no such part.",
    422: "A part of the request is wrong.",
    429: "Too much at a time; `Retry-After` says when to come back.",
    500: "Something broke inside.",
    503: "A part is away.",
}
OF_ALL: Final = frozenset({400, 403, 409, 500, 503})
OF_KEYS: Final = frozenset({401, 429})
RETRY: Final[JSON] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
OURS: Final[tuple[type[BaseModel], ...]] = (Problem, OpenAIError)


def install(
    app: FastAPI, read_by_hand: Collection[type[BaseModel]], secured: Mapping[str, list[dict[str, list[str]]]]
) -> None:
    """Have ``app`` publish it.

    ``read_by_hand`` are bodies that routes read or write themselves, ``secured`` says of each operation by
    which schemes it is called; none where no key is asked for.
    """
    plain = app.openapi
    made: JSON = {}

    def described() -> JSON:
        if not made:
            made.update(plain())
            _add_schemas(made, (*read_by_hand, *OURS))
            for path, operation in operations(made):
                operation["security"] = secured[operation["operationId"]]
                _complete(path, operation, keyless=not operation["security"])
            made["components"]["securitySchemes"] = SCHEMES
            for name in ("HTTPValidationError", "ValidationError"):
                made["components"]["schemas"].pop(name, None)
        return made

    app.openapi = described  # type: ignore[method-assign]  # the way FastAPI documents for extending it


def operations(document: JSON) -> Iterator[tuple[str, JSON]]:
    """Path and description of every operation."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _add_schemas(document: JSON, models: Collection[type[BaseModel]]) -> None:
    known = document.setdefault("components", {}).setdefault("schemas", {})
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        known.update(schema.pop("$defs", {}))
        known[model.__name__] = schema


def _complete(path: str, operation: JSON, *, keyless: bool) -> None:
    """Every status that the operation can have, and a summary that says what it does."""
    operation["summary"] = operation["description"].split("\n")[0].split(". ")[0].removesuffix(".")
    responses: JSON = operation["responses"]
    shape = "OpenAIError" if speaks_openai(path) else "Problem"
    type_ = "application/json" if shape == "OpenAIError" else "application/problem+json"
    for status in sorted(_errors(path, operation, keyless=keyless) | _declared(responses)):
        if status == 422 and speaks_openai(path):  # which OpenAI does not know: it is 400 there
            responses.pop("422", None)
            continue
        said = responses.setdefault(str(status), {})
        if said.get("description") in (None, "", "Validation Error"):
            said["description"] = ERRORS[status]
        if status == 422:
            said.pop("content", None)  # FastAPI's own shape, which no answer of ours has
        said.setdefault("content", {})[type_] = {"schema": {"$ref": f"#/components/schemas/{shape}"}}
        if status in (429, 503):
            said["headers"] = RETRY
    operation["responses"] = dict(sorted(responses.items()))


def _errors(path: str, operation: JSON, *, keyless: bool) -> set[int]:
    """What the operation can fail with, by what it asks for."""
    found = set(OF_ALL) if keyless else OF_ALL | OF_KEYS
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        found = found | {404, 413, 415, 422}
    if body and is_upload(path):
        found = found | {408}
    if operation.get("parameters"):
        found = found | {404, 422}
    return set(found)


def _declared(responses: JSON) -> set[int]:
    """The errors that the route itself tells of."""
    return {int(status) for status in responses if int(status) >= 400}
