"""Where the files of a model lie: in a folder of the user's, or in what the hub's client keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from huggingface_hub import snapshot_download

from rag.encoders.imagebind.words import FILES, has_tokenizer
from rag.errors import ModelUnavailable

ENDINGS: Final = (".safetensors", ".pth", ".pt", ".bin")
CLIP: Final = "openai/clip-vit-base-patch32"
"""Whose tokenizer it is, for models of the hub that come without."""


def files_of(place: str) -> tuple[Path, Path]:
    """The file of weights of a folder or of a model on the hub, and the folder of its tokenizer.

    Raises ModelUnavailable, and what the hub's client raises.
    """
    if Path(place).is_dir():
        return weights_in(Path(place)), Path(place)
    if place.count("/") != 1 or place.startswith((".", "~", "/")):
        raise ModelUnavailable(f"{place} is neither a folder nor the name of a model on the hub")
    folder = Path(snapshot_download(place, allow_patterns=["*.safetensors", *FILES]))
    words = folder if has_tokenizer(folder) else Path(snapshot_download(CLIP, allow_patterns=[*FILES]))
    return weights_in(folder), words


def weights_in(folder: Path) -> Path:
    """The one file of weights in a folder. Raises ModelUnavailable."""
    found = sorted(path for path in folder.glob("*") if path.suffix in ENDINGS)
    if len(found) != 1:
        raise ModelUnavailable(
            f"{folder} holds {len(found)} files of weights ({', '.join(ENDINGS)}); needed is one, such as "
            "imagebind_huge.pth"
        )
    return found[0]
