"""Write a model as an exported folder: whole and checked against the original, or not at all.

The towers are quantised by ONNX Runtime: dynamically where a tower is made of matrix products (a
transformer), statically, with calibration pictures, where it is made of convolutions.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag.encoders.compact import CompactEncoder, TextTower
from rag.encoders.compact.compile import IMAGE_SIDE, compiled_image_tower
from rag.encoders.exported import Manifest, Precision, digest, relabelled, write_manifest
from rag.encoders.onnx_dual import IMAGE_TOWER, TEXT_TOWER, TOKENIZER, OnnxDualEncoder
from rag.encoders.parity import Limits, Parity, Sample, compare
from rag.encoders.quantise import quantise_convolutions, quantise_products
from rag.encoders.relabelled import Relabelled
from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.encoders.trace import trace
from rag.errors import InvalidInput
from rag.images import resize
from rag.protocols import ImageEncoder
from rag.types import Pixels

REPORT = "parity.json"
DEFAULT_LIMITS: dict[Precision, Limits] = {"fp32": Limits(0.9999, 0.001), "int8": Limits(0.95, 0.01)}
COMPACT_NAME = "compact"


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of an export. ``folder`` is None when it was refused: ``parity.failures`` says why."""

    folder: Path | None
    precision: Precision
    megabytes: float
    parity: Parity


def export_dual(
    model: str,
    out: Path,
    *,
    precision: Precision,
    sample: Sample,
    limits: Limits | None = None,
) -> Exported:
    """Export a model of two towers that sentence-transformers can load (CLIP, SigLIP …).

    In fp32 the vectors are the original's, and so is the fingerprint: a collection may be written by the
    one and searched by the other. Raises InvalidInput when ``out`` has something in it, and when the
    model is of a kind that cannot be exported; ModelUnavailable when it cannot be loaded.
    """
    original = SentenceTransformerEncoder(model, device="cpu")

    def fill(draft: Path) -> tuple[Manifest, ImageEncoder]:
        traced = trace(model, draft)
        if precision == "int8":
            for tower in (IMAGE_TOWER, TEXT_TOWER):
                quantise_products(draft / tower)
        manifest = Manifest(
            kind="dual",
            model=model,
            precision=precision,
            fingerprint=relabelled(original.fingerprint, precision),
            logit_scale=original.logit_scale,
            languages=original.languages,
            files={name: digest(draft / name) for name in (IMAGE_TOWER, TEXT_TOWER, TOKENIZER)},
            image=traced.image,
            text=traced.text,
        )
        return manifest, OnnxDualEncoder(draft)

    return _export(out, precision, original, sample, limits, fill)


def export_compact(
    models: Path,
    out: Path,
    *,
    sample: Sample,
    calibration: Sequence[Pixels],
    limits: Limits | None = None,
) -> Exported:
    """Export ``compact`` with its image tower in int8; its text side stays as it is.

    ``models`` holds the compiled towers; ``calibration`` are pictures like those to be encoded, and not
    those of the sample. Raises InvalidInput when there are none, and when ``out`` has something in it.
    """
    if not calibration:
        raise InvalidInput("compact in int8 is calibrated with pictures: name a folder of some hundred")
    text = TextTower(models)
    original = CompactEncoder(models, text)

    def fill(draft: Path) -> tuple[Manifest, ImageEncoder]:
        source = compiled_image_tower(models)
        inputs = (resize(pixels, (IMAGE_SIDE, IMAGE_SIDE)) for pixels in calibration)
        quantise_convolutions(source, draft / source.name, inputs)
        for path in models.glob("*.npy"):  # vectors of texts, the same for both
            shutil.copy(path, draft)
        fingerprint = relabelled(original.fingerprint, "int8")
        manifest = Manifest(
            kind="compact",
            model=COMPACT_NAME,
            precision="int8",
            fingerprint=fingerprint,
            logit_scale=original.logit_scale,
            languages=original.languages,
            files={source.name: digest(draft / source.name)},
        )
        # Compiled towers are found by name: this folder has another one under the same name.
        return manifest, Relabelled(CompactEncoder(draft, text), fingerprint)

    return _export(out, "int8", original, sample, limits, fill)


def _export(
    out: Path,
    precision: Precision,
    original: ImageEncoder,
    sample: Sample,
    limits: Limits | None,
    fill: Callable[[Path], tuple[Manifest, ImageEncoder]],
) -> Exported:
    with _draft(out) as draft:
        manifest, encoder = fill(draft)
        write_manifest(draft, manifest)
        parity = compare(original, encoder, sample, limits or DEFAULT_LIMITS[precision])
        size = sum((draft / name).stat().st_size for name in manifest.files) / 1e6
        if parity.failures:
            return Exported(None, precision, size, parity)
        (draft / REPORT).write_text(json.dumps(parity.as_json(), indent=1) + "\n", "utf-8")
        _move(draft, out)
    return Exported(out, precision, size, parity)


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """A folder beside ``out``, gone afterwards unless it was moved."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidInput(f"{out} is there already: name a folder that is new or empty")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move(draft: Path, out: Path) -> None:
    draft.chmod(0o755)
    for path in draft.iterdir():
        path.chmod(0o644)
    os.replace(draft, out)
