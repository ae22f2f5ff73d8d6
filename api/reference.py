"""The reference part of docs/api.md, from the OpenAPI document: ``python -m api.reference`` writes it."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from api.app import create_app
from api.description import JSON
from rag.build import build
from rag.settings import Settings

PAGE: Final = Path(__file__).parents[1] / "docs" / "api.md"
MARK: Final = "<!-- From here on written by `make api-docs`, from what the server says of itself. -->"
KNOWN: Final = {r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$": "name", "^[0-9a-f]{32}$": "id"}
"""Patterns that have names."""
TITLES: Final = {"openai": "OpenAI's routes"}


def document() -> JSON:
    """What a server says of itself."""
    with (
        tempfile.TemporaryDirectory() as folder,
        build(Settings(data=Path(folder))) as olhar,
    ):
        return create_app(olhar).openapi()


def reference(document: JSON) -> str:
    """All routes by their tags, and then all schemas, as Markdown."""
    lines = ["## Reference", ""]
    for tag, routes in _by_tag(document).items():
        lines += [f"### {TITLES.get(tag, tag.capitalize())}", ""]
        for method, path, operation in routes:
            lines += _route(method, path, operation)
    lines += ["### Shapes", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _schema(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def page(text: str, document: JSON) -> str:
    """The page with the part after the mark renewed."""
    return f"{text.partition(MARK)[0]}{MARK}\n\n{reference(document)}"


def _by_tag(document: JSON) -> dict[str, list[tuple[str, str, JSON]]]:
    found: dict[str, list[tuple[str, str, JSON]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            found.setdefault(tag, []).append((method.upper(), path, operation))
    return found


def _route(method: str, path: str, operation: JSON) -> Iterator[str]:
    yield from (f"#### `{method} {path}`", "", _prose(operation["description"]), "")
    yield f"- operation: `{operation['operationId']}`"
    for parameter in operation.get("parameters", []):
        yield f"- {_parameter(parameter)}"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"- body, `{kind}`: {_body(content['schema'])}"
    errors = []
    for status, response in operation["responses"].items():
        if int(status) < 400 or len(response["content"]) > 1:
            yield f"- {status}: {_answer(response)}"
        else:
            errors.append(status)
    shape = next(reversed(operation["responses"][errors[0]]["content"].values()))["schema"]
    yield from (f"- errors ({_type(shape)}): {', '.join(errors)}", "")


def _parameter(parameter: JSON) -> str:
    schema = parameter["schema"]
    needed = bool(parameter.get("required"))
    said = parameter.get("description") or schema.get("description") or ""
    how = f"{parameter['in']}{'' if needed else _optional(schema, ', ').rstrip(',')}"
    return f"`{parameter['name']}` ({how}): {_type(schema, needed=needed)}{_said(said)}"


def _body(schema: JSON) -> str:
    if "properties" not in schema:
        return _type(schema)
    needed = schema.get("required", [])
    fields = (
        f"`{name}`{'' if name in needed else _optional(field, ' ')} {_type(field)}{_bracketed(field)}"
        for name, field in schema["properties"].items()
    )
    return "a form: " + "; ".join(fields)


def _optional(schema: JSON, before: str) -> str:
    default = schema.get("default")
    known = default not in (None, "", [], {}) and not isinstance(default, dict)
    return f"{before}`{json.dumps(default)}` unless given," if known else f"{before}optional,"


def _bracketed(schema: JSON) -> str:
    return f" ({_prose(schema['description'])})" if "description" in schema else ""


def _answer(response: JSON) -> str:
    told = {kind: content.get("schema") or {} for kind, content in response.get("content", {}).items()}
    shown = ", ".join(
        _type(schema) if kind == "application/json" else f"`{kind}`" for kind, schema in told.items()
    )
    said = _prose(response.get("description", ""))
    return " – ".join(part for part in (shown, "" if said == "Successful Response" else said) if part)


def _schema(name: str, schema: JSON) -> Iterator[str]:
    yield from (f"#### {name}", "")
    if said := _prose(schema.get("description", "")):
        yield from (said, "")
    if fields := schema.get("properties"):
        needed = schema.get("required", [])
        yield from ("| field | type | |", "| --- | --- | --- |")
        for field, told in fields.items():
            there = field in needed
            optional = "" if there else _optional(told, "").rstrip(",")
            said = _prose(told.get("description", "")).replace("|", "\\|")
            meaning = "; ".join(filter(None, (optional, said)))
            yield f"| `{field}` | {_type(told, needed=there)} | {meaning} |"
    elif "anyOf" in schema or "enum" in schema or "type" in schema:
        yield _type(schema)
    yield ""


def _type(schema: JSON, *, needed: bool = True) -> str:
    """In words. That what need not be there may be null goes without saying."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            types = dict.fromkeys(_type(one) for one in schema[several])
            return " or ".join(one for one in types if needed or one != "null") or "null"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    return _plain(schema)


def _plain(schema: JSON) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        count = _bounds(schema, "minItems", "maxItems")
        return f"list of {_type(schema.get('items', {}))}{count}"
    if kind == "object":
        of = schema.get("additionalProperties")
        return f"object of {_type(of)}" if isinstance(of, dict) and of else "object"
    if kind == "string":
        if schema.get("format") == "binary":
            return "file"
        if schema.get("pattern") in KNOWN:
            return KNOWN[schema["pattern"]]
        pattern = f" like `{schema['pattern']}`".replace("|", "\\|") if "pattern" in schema else ""
        return f"text{pattern}{_bounds(schema, 'minLength', 'maxLength')}"
    return f"{kind}{_bounds(schema, 'minimum', 'maximum')}"


def _bounds(schema: JSON, least: str, most: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if low is None and high is None:
        return ""
    return f" ({_number(low)}…{_number(high)})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"


def _said(text: str) -> str:
    return f" – {_prose(text)}" if text else ""


def _prose(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split()))


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8"), document()), "utf-8")
    print(f"{PAGE} is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
