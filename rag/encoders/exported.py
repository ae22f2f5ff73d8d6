"""What lies in an exported folder: ``olhar-encoder.json`` and the files that it names, with their hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from rag.errors import InvalidInput, ModelUnavailable
from rag.types import Fingerprint

MANIFEST = "olhar-encoder.json"
VERSION = 1

Kind: TypeAlias = Literal["dual", "compact"]
Precision: TypeAlias = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """How a picture becomes the image tower's uint8 input; scaling to floats is part of the tower.

    The picture is resized so that its shorter side has ``shorter`` pixels, or to ``size`` (width,
    height), by Pillow's filter ``resample``; then its middle of ``crop`` (width, height) is taken.
    """

    resample: int
    shorter: int | None = None
    size: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """How a text becomes ids: ``length`` is that of every row, or 0 for that of the longest text."""

    max_tokens: int
    pad: int
    length: int = 0
    mask: bool = True
    query_prompt: str = ""
    document_prompt: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """``model`` is what OLHAR_ENCODER was; ``files`` are SHA-256 by name."""

    kind: Kind
    model: str
    precision: Precision
    fingerprint: Fingerprint
    logit_scale: float
    languages: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    image: ImageRecipe | None = None
    text: TextRecipe | None = None


def is_exported(folder: str | Path) -> bool:
    """Whether this is a folder written by ``olhar export``."""
    return (Path(folder) / MANIFEST).is_file()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it into the folder."""
    content = {"version": VERSION, **asdict(manifest)}
    (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def read_manifest(folder: Path, *, setting: str = "OLHAR_ENCODER") -> Manifest:
    """The manifest of a folder, its files not yet looked at.

    Raises ModelUnavailable when there is none that can be read, or one of another version.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text("utf-8"))
        version = content.pop("version")
        if version != VERSION:
            raise InvalidInput(f"it has version {version}, and this is for version {VERSION}")
        content["languages"] = tuple(content["languages"])
        content["fingerprint"] = Fingerprint(**content["fingerprint"])
        content["image"] = _image(content["image"])
        content["text"] = TextRecipe(**content["text"]) if content["text"] else None
        return Manifest(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidInput) as error:
        raise ModelUnavailable(
            f"{setting}={folder}: {MANIFEST} cannot be used ({error}); export the model again"
        ) from error


def check_files(folder: Path, manifest: Manifest, *, setting: str = "OLHAR_ENCODER") -> None:
    """Raises ModelUnavailable when a file is missing or is not the one that was exported."""
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise ModelUnavailable(f"{setting}={folder}: {name} is missing; export the model again")
        if digest(path) != expected:
            raise ModelUnavailable(f"{setting}={folder}: {name} is damaged; export the model again")


def relabelled(fingerprint: Fingerprint, precision: Precision) -> Fingerprint:
    """The fingerprint of an export: another one where rounding moved the vectors."""
    if precision == "fp32":
        return fingerprint
    return replace(fingerprint, weights=f"{fingerprint.weights}+{precision}")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _image(content: dict[str, object] | None) -> ImageRecipe | None:
    if content is None:
        return None
    pairs = {name: _pair(content.pop(name)) for name in ("size", "crop")}
    return ImageRecipe(**content, **pairs)  # type: ignore[arg-type]  # a wrong key is a TypeError


def _pair(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidInput(f"{value!r} is no (width, height)")
    return int(value[0]), int(value[1])
