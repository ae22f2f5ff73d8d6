"""``olhar train MODEL``: a CLIP-like model on one's own photos, by adapters or as a whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from rag.encoders.batching import Batches
from rag.errors import BadImage, InvalidInput
from rag.models import encoder_row
from rag.origin import ORIGIN, write_origin
from rag.training.budget import Budget, interpolate
from rag.training.card import Card
from rag.training.datasets import BadRow, Photos, load, read_photos
from rag.training.dual import MODEL, Dual, own_weights
from rag.training.loop import OnStep, Tuning, tune
from rag.training.lora import add_lora, merge_lora
from rag.training.pairs import PhotoPairs
from rag.training.replay import photos_with_replay
from rag.training.report import write_report
from rag.training.splitting import held_back
from rag.training.trainer import Epoch, OnEpoch, Outcome

CHUNK = 32
CHECKPOINT = "checkpoint.pt"
DRAFT = "model.part"
OnPhotos = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """What to tune on what, and what to keep to; as ``Plan`` has it for ``compact``. ``model`` is a hub
    name or a folder. ``chunk`` is how many pictures or texts are on the device at a time while training.
    """

    model: str
    data: Path
    out: Path
    tuning: Tuning = field(default_factory=Tuning)
    chunk: int = CHUNK
    device: str = "auto"
    validation: float = 0.05
    reference: Path | None = None
    budget: Budget = field(default_factory=Budget)
    mix: float = 1.0
    replay: Path | None = None
    command: str = "olhar train"


@dataclass(frozen=True, slots=True)
class Tuned:
    """The folder of the model, how the epochs went, measures by name of data set, and rows left out."""

    folder: Path
    history: list[Epoch]
    best: int
    figures: dict[str, dict[str, float]]
    bad: tuple[BadRow, ...]


def finetune(
    plan: TuningPlan,
    *,
    on_photos: OnPhotos = lambda _done, _all: None,
    on_step: OnStep = lambda _step, _steps, _loss: None,
    on_epoch: OnEpoch = lambda _: None,
) -> Tuned:
    """Tune, check, and write model, report and model card into ``plan.out``, which OLHAR_ENCODER may then
    name.

    The same plan on the same machine gives the same weights. A run that was broken off is gone on with.
    Raises InvalidInput for data or options that cannot be used, ModelUnavailable when the model cannot be
    loaded, RegressionTooLarge when the budget is overdrawn: then no model is written.
    """
    photos = decodable(_told(plan), on_photos)
    reference = decodable(read_photos(plan.reference), on_photos) if plan.reference else None
    replay = decodable(read_photos(plan.replay), on_photos) if plan.replay else None
    training, validation = _split(photos, plan)
    if replay is not None:
        training = photos_with_replay(training, replay)
    dual = Dual.load(plan.model, device=plan.device)
    start = dual.revision(plan.model)
    batches = Batches(plan.chunk, model=plan.model, setting=MODEL)
    judged = {"validation": PhotoPairs(dual, validation, batches)}
    if reference is not None:
        judged["reference"] = PhotoPairs(dual, reference, batches)
    figures = {f"{name}, before": pairs.recall() for name, pairs in judged.items()}
    original = _copied(dual.model.state_dict())
    _prepare(dual, plan.tuning)
    outcome = tune(
        dual,
        PhotoPairs(dual, training, batches, frozen=plan.tuning.freeze),
        PhotoPairs(dual, validation, batches, frozen=plan.tuning.freeze),
        plan.tuning,
        chunk=plan.chunk,
        start=start,
        checkpoint=plan.out / CHECKPOINT,
        on_step=on_step,
        on_epoch=on_epoch,
    )
    merge_lora(dual.towers)
    dual.model.load_state_dict(interpolate(original, _copied(dual.model.state_dict()), plan.mix))
    figures |= {name: pairs.recall() for name, pairs in judged.items()}
    if reference is not None:
        plan.budget.check(figures["reference, before"], figures["reference"])
    _write(plan, dual, photos, outcome, figures)
    bad = photos.bad + (replay.bad if replay else ())
    return Tuned(plan.out, outcome.history, outcome.best, figures, bad)


def _told(plan: TuningPlan) -> Photos:
    """What is trained on, and whose each photo is where that is to be balanced."""
    photos = read_photos(plan.data, plan.tuning.balance)
    if plan.tuning.balance and len({photo.group for photo in photos.photos}) < 2:
        raise InvalidInput(
            f"--balance {plan.tuning.balance}: {plan.data} names no two groups by that; give a column of the "
            "CSV, or a field of the lines of captions.jsonl or of their metadata"
        )
    return photos


def decodable(photos: Photos, on_photos: OnPhotos = lambda _done, _all: None) -> Photos:
    """Without those that cannot be decoded; they become bad rows. ``on_photos`` is told how many were
    looked at, of how many. Raises InvalidInput when none is left.
    """
    good, bad = [], []
    for photo in photos.photos:
        try:
            load(photo)
            good.append(photo)
        except BadImage as error:
            bad.append(BadRow(str(photo.path), str(error)))
        on_photos(1, len(photos.photos))
    if not good:
        raise InvalidInput(f"none of the {len(photos.photos)} pictures of {photos.source} can be decoded")
    return replace(photos, photos=tuple(good), bad=(*photos.bad, *bad))


def _split(photos: Photos, plan: TuningPlan) -> tuple[Photos, Photos]:
    drawn = held_back(len(photos.photos), plan.validation, plan.tuning.seed, source=photos.source)
    training, validation = (
        replace(photos, photos=tuple(photos.photos[n] for n in numbers)) for numbers in drawn
    )
    return training, validation


def _prepare(dual: Dual, tuning: Tuning) -> None:
    """Choose what learns: adapters or all weights, of both towers or of the one that is not frozen."""
    torch.manual_seed(tuning.seed)
    frozen = _weights_of_the_frozen(dual, tuning)
    if tuning.rank:
        add_lora(dual.towers, tuning.rank, leave=frozen)
    else:
        for name, value in dual.towers.named_parameters():
            value.requires_grad_(name not in frozen)
    dual.log_scale.requires_grad_(True)


def _weights_of_the_frozen(dual: Dual, tuning: Tuning) -> frozenset[str]:
    if tuning.freeze is None:
        return frozenset()
    image, text = own_weights(dual)
    if image & text:
        raise InvalidInput(
            "both towers of this model share weights, so neither can be frozen: leave out --freeze"
        )
    return image if tuning.freeze == "image" else text


def _copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in weights.items()}


def _write(
    plan: TuningPlan, dual: Dual, photos: Photos, outcome: Outcome, figures: dict[str, dict[str, float]]
) -> None:
    """Beside the place first, then into it, file by file; the checkpoint goes last, so that a run that is
    killed here is repeated to its end.
    """
    draft = plan.out / DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    dual.model.save(str(draft), create_model_card=False)
    write_origin(draft, plan.model)
    _tell(plan, draft, photos, outcome, figures)
    (plan.out / ORIGIN).unlink(missing_ok=True)
    for path in sorted(draft.rglob("*")):
        place = plan.out / path.relative_to(draft)
        if path.is_dir():
            place.mkdir(exist_ok=True)
        else:
            os.replace(path, place)
    shutil.rmtree(draft)
    (plan.out / CHECKPOINT).unlink(missing_ok=True)


def _tell(
    plan: TuningPlan, folder: Path, photos: Photos, outcome: Outcome, figures: dict[str, dict[str, float]]
) -> None:
    tuning = plan.tuning
    how = f"LoRA of rank {tuning.rank}, merged" if tuning.rank else "all weights"
    facts = {
        "model": plan.model,
        "data": photos.source,
        "photos": len(photos.photos),
        "captions": len(photos.captions),
        "bad_rows": [f"{row.where}: {row.reason}" for row in photos.bad],
        "tuning": asdict(tuning),
        "mix": plan.mix,
        "replay": str(plan.replay or ""),
        "figures": figures,
    }
    write_report(folder, outcome.history, outcome.best, facts)
    row = encoder_row(plan.model)
    card = Card(
        name=f"{Path(row.name).name}, tuned",
        summary=f"{row.name} tuned by symmetric InfoNCE ({how}). Share of the new weights: {plan.mix:g}.",
        data=f"{len(photos.photos)} photos with {len(photos.captions)} captions."
        + (f" Replayed beside them: {plan.replay.name}." if plan.replay else ""),
        command=plan.command,
        seed=tuning.seed,
        figures=figures,
        limits=(
            "Languages: "
            + (", ".join(row.languages) or "those of the model it was tuned from")
            + ", as far as the "
            "captions did not push them aside.",
            "It is best at photos like those it was tuned on; what others lose shows on a reference set.",
        ),
        licence=f"that of the model ({row.licence}), and what the data allow",
    )
    (folder / "MODEL_CARD.md").write_text(card.markdown(), "utf-8")
