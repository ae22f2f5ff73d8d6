"""``compact`` is trained end to end on real photos: what is written, repeated, refused and used."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch.nn.functional import normalize

from rag.encoders.compact import CompactEncoder, TextTower
from rag.encoders.compact.classes import class_names
from rag.encoders.compact.compile import packaged
from rag.encoders.compact.heads import ASKED, FILE, PACKAGED, USUAL, Heads
from rag.encoders.compact.packing import unpack
from rag.errors import InvalidInput, ModelUnavailable
from rag.training import compact, ensemble
from rag.training.budget import Budget, RegressionTooLarge
from rag.training.compact import Plan, train_compact
from rag.training.ensemble import together
from rag.training.heads import TwoHeads
from rag.training.trainer import Epoch, Outcome, Pairs, Recipe, train_heads

SAID = {
    "chelsea.png": ["a tabby cat looks up", "the face of a cat"],
    "coffee.png": ["a cup of coffee on a table", "coffee with a spoon"],
    "rocket.jpg": ["a rocket starts", "a rocket on its pad"],
    "horse.png": ["the black shape of a horse", "a horse"],
    "coins.png": ["old coins in rows", "grey coins"],
    "page.png": ["a page of text", "printed words"],
}
RECIPE = Recipe(members=2, epochs=2, batch=8)


@pytest.fixture(autouse=True)
def _few_wordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """One wording a class instead of thirteen: embedding them all takes a minute."""
    names = [names[0] for names in class_names()]
    monkeypatch.setattr(compact, "class_wordings", lambda: (names, list(range(len(names)))))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = []
    for name, captions in SAID.items():
        (folder / name).write_bytes(packaged("skimage", f"data/{name}").read_bytes())
        rows.append({"file": name, "captions": captions})
    (folder / "broken.jpg").write_bytes(b"no picture")
    rows.append({"file": "broken.jpg", "captions": ["nothing"]})
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return folder


@pytest.fixture
def plan(data: Path, tmp_path: Path) -> Plan:
    return Plan(data=data, out=tmp_path / "out", recipe=RECIPE, validation=0.3)


def test_the_result_is_an_encoder_with_a_report_and_a_card(plan: Plan, models: Path) -> None:
    trained = train_compact(plan, models)
    assert {path.name for path in plan.out.iterdir() if path.is_file()} == {
        FILE, "report.json", "report.html", "MODEL_CARD.md",
    }  # fmt: skip
    assert [row.where.endswith("broken.jpg") for row in trained.bad] == [True]
    told = json.loads((plan.out / "report.json").read_text())
    assert [epoch["number"] for epoch in told["epochs"]] == [1, 2, 3, 4]
    assert len(told["best_epoch"]) == 2
    assert "Seed: 0" in (plan.out / "MODEL_CARD.md").read_text()
    tower = TextTower(models)
    tuned, shipped = CompactEncoder(models, tower, heads=trained.file), CompactEncoder(models, tower)
    assert tuned.fingerprint != shipped.fingerprint
    assert tuned.encode_text_queries(["a cat"]).shape == (1, 897)


def test_a_repeated_run_writes_the_same_bytes_also_without_the_cache(
    plan: Plan, models: Path, tmp_path: Path
) -> None:
    first = train_compact(plan, models).file.read_bytes()
    assert list((plan.out / "cache").glob("*.npz"))
    assert train_compact(plan, models).file.read_bytes() == first
    assert train_compact(replace(plan, out=tmp_path / "other"), models).file.read_bytes() == first


def test_a_run_that_broke_off_in_a_later_member_ends_with_the_same_bytes(
    plan: Plan, models: Path, tmp_path: Path
) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_compact(plan, models, on_epoch=stop)
    assert not (plan.out / FILE).exists()
    resumed = train_compact(plan, models).file.read_bytes()
    assert not list(plan.out.glob("checkpoint*"))
    assert train_compact(replace(plan, out=tmp_path / "whole"), models).file.read_bytes() == resumed


def test_numpy_gives_what_torch_was_trained_to_give(tmp_path: Path) -> None:
    torch.manual_seed(0)
    members = [TwoHeads(7, 5, hidden=6, outputs=4).eval() for _ in range(3)]
    features, common = torch.randn(9, 7), torch.randn(12, 5)
    asked = {ASKED: torch.zeros(1, 5), USUAL: torch.zeros(1)}
    for heads in members:
        heads.image.standardise_on(features)
    path = tmp_path / FILE
    compact.save_heads(together([heads.state_dict() for heads in members], common) | asked, path)
    side_by_side = torch.cat([heads.image(features) for heads in members], dim=1)
    expected = normalize(side_by_side @ common, dim=1).detach().numpy()
    np.testing.assert_allclose(Heads.load(path).image(features.numpy()), expected, atol=2e-2)


def test_heads_of_an_older_form_are_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / FILE
    save_file(load_file(PACKAGED), path)
    with pytest.raises(ModelUnavailable, match="format 1, this Olhar uses format 3: train them again"):
        Heads.load(path)


def test_fine_tuning_starts_where_the_packaged_heads_are(plan: Plan, models: Path) -> None:
    gentle = replace(plan, start=PACKAGED, recipe=replace(RECIPE, learning_rate=1e-9))
    weights, packaged_ = (unpack(load_file(file)) for file in (train_compact(gentle, models).file, PACKAGED))
    for name in ("0.image.first.weight", "3.text.second.weight", "1.image.mean", "common"):
        np.testing.assert_allclose(weights[name], packaged_[name], atol=1e-3, rtol=1e-3)


def test_none_of_the_new_weights_are_the_old_ones(plan: Plan, models: Path) -> None:
    mixed = train_compact(replace(plan, start=PACKAGED, mix=0.0), models)
    assert mixed.file.read_bytes() == PACKAGED.read_bytes()
    with pytest.raises(InvalidInput, match="--start"):
        train_compact(replace(plan, mix=0.5), models)


def test_another_data_set_is_trained_on_beside_and_neither_judged_nor_counted(
    plan: Plan, data: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def watched(heads: TwoHeads, pairs: Pairs, *others: Any, **more: Any) -> Outcome:
        seen.append(len(pairs.owners))
        return train_heads(heads, pairs, *others, **more)

    monkeypatch.setattr(ensemble, "train_heads", watched)
    others = tmp_path / "others.csv"
    others.write_text(f"path,caption\n{data / 'horse.png'},a dark horse\n{tmp_path / 'gone.png'},x\n")
    beside = train_compact(replace(plan, replay=others, recipe=replace(RECIPE, epochs=1, batch=9)), models)
    assert seen == [2 * 4 + 1] * 2  # of six photos with two captions, two are held back
    assert [Path(row.where).name for row in beside.bad] == ["broken.jpg", "others.csv:3"]
    told = json.loads((plan.out / "report.json").read_text())
    assert (told["photos"], told["replay"]) == (6, 1)
    assert "Replayed beside them: 1 photos" in (plan.out / "MODEL_CARD.md").read_text()


def test_beyond_the_budget_nothing_is_written(plan: Plan, data: Path, models: Path) -> None:
    harsh = replace(
        plan, start=PACKAGED, reference=data, budget=Budget(points=-1.0), recipe=replace(RECIPE, epochs=1)
    )
    with pytest.raises(RegressionTooLarge, match="reference set"):
        train_compact(harsh, models)
    assert not list(plan.out.glob("*safetensors*"))


@pytest.mark.parametrize("damage", [lambda raw: raw[:1000], lambda _: b"", lambda raw: b"\xff" * len(raw)])
def test_damaged_heads_are_named_with_the_remedy(
    damage: Callable[[bytes], bytes], tmp_path: Path, models: Path
) -> None:
    path = tmp_path / FILE
    path.write_bytes(damage(PACKAGED.read_bytes()))
    broken = CompactEncoder(models, TextTower(models), heads=path)
    with pytest.raises(ModelUnavailable, match=r"olhar train compact"):
        broken.encode_text_queries(["a"])
