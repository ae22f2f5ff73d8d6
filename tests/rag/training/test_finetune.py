"""A CLIP-like model is tuned end to end: what is written, repeated, refused and used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.errors import InvalidInput
from rag.origin import origin
from rag.training import finetune as module
from rag.training.budget import Budget, RegressionTooLarge
from rag.training.finetune import CHECKPOINT, TuningPlan, finetune
from rag.training.loop import Tuning

TUNING = Tuning(epochs=2, batch=12, learning_rate=5e-3, rank=4)
PICTURES = list(np.random.default_rng(0).integers(0, 255, (2, 40, 44, 3), np.uint8))


@pytest.fixture
def plan(clip: Path, colours: Path, tmp_path: Path) -> TuningPlan:
    return TuningPlan(
        str(clip),
        colours,
        tmp_path / "out",
        TUNING,
        chunk=5,
        device="cpu",
        validation=0.3,
        command="olhar train x",
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def changed(folder: Path, other: Path) -> set[str]:
    new, old = weights(folder), weights(other)
    assert set(new) == set(old)
    return {name for name in old if not torch.equal(new[name], old[name])}


def test_the_result_is_a_model_with_its_origin_a_report_and_a_card(plan: TuningPlan, clip: Path) -> None:
    tuned = finetune(plan)
    names = {path.name for path in plan.out.iterdir()}
    assert {"report.json", "report.html", "MODEL_CARD.md", "model.safetensors"} <= names
    assert not {CHECKPOINT, module.DRAFT} & names
    assert [Path(row.where).name for row in tuned.bad] == ["captions.jsonl:18", "broken.png"]
    assert set(tuned.figures) == {"validation, before", "validation"}
    assert len(json.loads((plan.out / "report.json").read_text())["epochs"]) == 2
    assert "Command: `olhar train x`" in (plan.out / "MODEL_CARD.md").read_text()
    assert origin(plan.out) == str(clip)
    before, after = (SentenceTransformerEncoder(str(folder), device="cpu") for folder in (clip, plan.out))
    assert before.fingerprint.weights != after.fingerprint.weights
    assert not np.allclose(before.encode_images(PICTURES), after.encode_images(PICTURES), atol=1e-3)
    assert after.logit_scale != pytest.approx(before.logit_scale)


def test_the_same_plan_gives_the_same_fingerprint(plan: TuningPlan) -> None:
    fingerprints = []
    for _ in range(2):
        finetune(plan)
        fingerprints.append(SentenceTransformerEncoder(str(plan.out), device="cpu").fingerprint)
    assert fingerprints[0] == fingerprints[1]


def test_all_weights_learn_with_rank_0_and_only_layers_with_adapters(
    plan: TuningPlan, clip: Path, tmp_path: Path
) -> None:
    finetune(plan)
    beside = changed(plan.out, clip)
    assert beside
    assert all(name == "logit_scale" or "proj" in name or "mlp" in name for name in beside)
    full = finetune(replace(plan, out=tmp_path / "full", tuning=replace(TUNING, rank=0))).folder
    assert changed(full, clip) > beside


@pytest.mark.parametrize("rank", [0, 4])
def test_a_frozen_tower_stays(plan: TuningPlan, clip: Path, rank: int) -> None:
    finetune(replace(plan, tuning=replace(TUNING, rank=rank, freeze="image")))
    names = {name.split("_")[0] for name in changed(plan.out, clip)}
    assert names == {"text", "logit"}


def test_none_of_the_new_weights_are_the_old_ones_and_half_lie_between(
    plan: TuningPlan, clip: Path, tmp_path: Path
) -> None:
    assert not changed(finetune(replace(plan, mix=0.0)).folder, clip)
    whole, half = (
        weights(finetune(replace(plan, mix=mix, out=tmp_path / f"{mix}")).folder) for mix in (1.0, 0.5)
    )
    for name, old in weights(clip).items():
        torch.testing.assert_close(half[name], (old + whole[name]) / 2)


def test_another_data_set_is_trained_on_beside(
    plan: TuningPlan, clip: Path, colours: Path, tmp_path: Path
) -> None:
    others = tmp_path / "others.csv"
    rows = "".join(f"{colours / 'red0.png'},a red thing {n}\n" for n in range(24))
    others.write_text(f"path,caption\n{rows}{tmp_path / 'gone.png'},x\n")
    steps: list[int] = []
    tuned = finetune(
        replace(plan, replay=others, mix=0.0), on_step=lambda _step, steps_, _loss: steps.append(steps_)
    )
    assert set(steps) == {(22 + 24) // 12 * 2}  # eleven photos with two captions are trained on
    assert [Path(row.where).name for row in tuned.bad][-1] == "others.csv:26"
    assert "others.csv" in (plan.out / "MODEL_CARD.md").read_text()
    assert not changed(plan.out, clip)


def test_beyond_the_budget_nothing_is_written_and_more_budget_goes_on(
    plan: TuningPlan, colours: Path
) -> None:
    harsh = replace(plan, reference=colours, budget=Budget(points=-1.0))
    with pytest.raises(RegressionTooLarge, match="reference set"):
        finetune(harsh)
    assert [path.name for path in plan.out.iterdir()] == [CHECKPOINT]
    steps: list[int] = []
    tuned = finetune(
        replace(harsh, budget=Budget(points=1.0)), on_step=lambda step, _all, _loss: steps.append(step)
    )
    assert not steps
    assert {"reference, before", "reference"} <= set(tuned.figures)
    assert (plan.out / "model.safetensors").is_file()


def test_a_run_killed_while_it_was_written_is_repeated_to_its_end(
    plan: TuningPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_tell", killed)
        with pytest.raises(KeyboardInterrupt):
            finetune(plan)
    assert (plan.out / CHECKPOINT).is_file()
    assert not (plan.out / "model.safetensors").exists()
    finetune(plan)
    assert SentenceTransformerEncoder(str(plan.out), device="cpu").encode_images(PICTURES).shape == (2, 16)


def test_data_without_a_picture_that_can_be_decoded_are_refused(plan: TuningPlan, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    table = tmp_path / "mine.csv"
    table.write_text("path,caption\nx.png,a thing\n")
    with pytest.raises(InvalidInput, match="can be decoded"):
        finetune(replace(plan, data=table))
