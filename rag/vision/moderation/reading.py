"""Policies in YAML files: checked whole, with what is wrong and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from rag.errors import BadSettings
from rag.vision.moderation.policy import THRESHOLD, Action, Category, Policy

PACKAGED: Final = {name: Path(__file__).with_name(f"{name}.yaml") for name in ("default", "default-pt")}
BYTES: Final = 2**20
MOST: Final = 200
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Safe(_Strict):
    name: Words
    prompts: Annotated[list[Words], Field(max_length=50)] = []


class _Unsafe(_Safe):
    threshold: float | None = Field(None, gt=0, le=1)
    action: Action | None = None


class _File(_Strict):
    extends: Literal["default", "default-pt"] | None = None
    language: Literal["en", "pt"] | None = None
    template: Words = "image containing {}"
    scale: float | None = Field(None, gt=0, le=1000)
    threshold: float = Field(THRESHOLD, gt=0, le=1)
    action: Action = "flag"
    unsafe: Annotated[list[_Unsafe], Field(max_length=MOST)] = []
    safe: Annotated[list[_Safe], Field(max_length=MOST)] = []


def open_policy(name: str) -> Policy:
    """``default``, ``default-pt``, or the path of a YAML file.

    Raises BadSettings that names the file and what is wrong in it.
    """
    path = PACKAGED.get(name, Path(name))
    said = _read(path)
    if said.template.count("{}") != 1:
        raise BadSettings(f"{path}: template: {said.template!r} has to hold {{}} once")
    base = open_policy(said.extends) if said.extends else None
    categories = (*(base.categories if base else ()), *_categories(said))
    names = [one.name for one in categories]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise BadSettings(f"{path}: categories named twice: {', '.join(twice)}")
    for kind, there in (("unsafe", True), ("safe", False)):
        if not any(one.unsafe is there for one in categories):
            raise BadSettings(f"{path}: {kind}: name at least one category, or write `extends: default`")
    language = said.language or (base.language if base else "en")
    return Policy(name if name in PACKAGED else path.stem, categories, language, said.scale)


def _categories(said: _File) -> list[Category]:
    def prompts(one: _Safe) -> tuple[str, ...]:
        return tuple(one.prompts) or (said.template.replace("{}", one.name),)

    unsafe = [
        Category(one.name, prompts(one), True, one.threshold or said.threshold, one.action or said.action)
        for one in said.unsafe
    ]
    return [*unsafe, *(Category(one.name, prompts(one), unsafe=False) for one in said.safe)]


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > BYTES:
            raise BadSettings(f"{path} is larger than {BYTES} bytes, which no policy is")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(
            f"the policy {path} cannot be read: {error}; give a YAML file, or one of {', '.join(PACKAGED)}"
        ) from None
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise BadSettings(f"{path} is no valid YAML: {error}") from None
    if not isinstance(found, dict):
        raise BadSettings(f"{path}: a policy is a mapping with the keys {', '.join(_File.model_fields)}")
    try:
        return _File.model_validate(found)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:10]]
        raise BadSettings(f"{path}:\n  " + "\n  ".join(lines)) from None
