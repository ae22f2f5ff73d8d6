"""An exported folder as encoders."""

from __future__ import annotations

from pathlib import Path

from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.encoders.exported import check_files, read_manifest, relabelled
from rag.encoders.onnx_dual import OnnxDualEncoder
from rag.encoders.relabelled import Relabelled
from rag.errors import BadSettings, ModelUnavailable
from rag.protocols import ImageEncoder, TextEncoder


def open_exported(
    folder: Path, text: TextTower, *, device: str = "auto", batch: int = 0
) -> tuple[ImageEncoder, TextEncoder]:
    """The encoders of a folder that ``olhar export`` wrote; ``text`` is the packaged text tower.

    Raises ModelUnavailable when the folder is not whole, BadSettings when ``device`` is not the CPU.
    """
    if device not in ("auto", "cpu"):
        raise BadSettings(
            f"OLHAR_ENCODER_DEVICE={device}, but an exported encoder runs on the CPU: unset it, or set "
            f"OLHAR_ENCODER={read_manifest(folder).model}"
        )
    manifest = read_manifest(folder)
    if manifest.kind == "compact":
        check_files(folder, manifest)
        image = CompactEncoder(folder, text)
        # What is not in the folder comes with Olhar, and may be newer than the export.
        if relabelled(image.fingerprint, manifest.precision) != manifest.fingerprint:
            raise ModelUnavailable(
                f"OLHAR_ENCODER={folder} was exported from another version of {manifest.model}; "
                "export the model again"
            )
        return Relabelled(image, manifest.fingerprint), CompactTextEncoder(text)
    both = OnnxDualEncoder(folder, batch=batch)
    return both, both
