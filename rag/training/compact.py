"""``olhar train compact``: the heads of the packaged encoder, from nothing or from other heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from rag.encoders.compact.classes import Classes, class_names, class_vectors, general_words, wording_mean
from rag.encoders.compact.compile import IMAGE, packaged
from rag.encoders.compact.encoder import (
    HALVES,
    LEARNED_DIMENSION,
    picture_halves,
    picture_vectors,
    text_halves,
    text_vectors,
)
from rag.encoders.compact.heads import ASKED, FILE, FORMAT, USUAL, Heads
from rag.encoders.compact.hubs import Hubs
from rag.encoders.compact.packing import pack, unpack
from rag.encoders.compact.towers import TEXT_DIMENSION, Floats, ImageTower, TextTower
from rag.errors import InvalidInput
from rag.training.asked import drawn, questions
from rag.training.budget import Budget, interpolate
from rag.training.card import Card
from rag.training.datasets import BadRow, read_photos
from rag.training.ensemble import apart, checkpoint, common_space, together, train_members
from rag.training.features import Features, features_of
from rag.training.heads import TwoHeads
from rag.training.more import ClassPairs
from rag.training.replay import pairs_with_replay
from rag.training.report import write_report
from rag.training.splitting import held_back
from rag.training.trainer import RECALLS, Epoch, Outcome, Pairs, Recipe
from rag.training.views import VIEWS, View
from rag.types import Matrix, Vector

CORE = 1280
"""Features that the classifier of the image tower reads; the others come from earlier layers."""
WORDINGS = (
    "a photo of a {}",
    "{}",
    "a picture of the {}",
    "a {} in the foreground",
    "there is a {} here",
    "two people with a {}",
)
NAMES_PER_CLASS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train on and what to keep to. ``start`` is a file of heads, ``None`` for from nothing.

    ``validation`` is the share of the photos held back to choose the best epoch; ``reference`` a data set on
    which ``budget`` is kept; ``mix`` the share of the new weights where there are old ones; ``replay`` a data
    set that is trained on beside ``data``, so that it is not forgotten.
    """

    data: Path
    out: Path
    recipe: Recipe = field(default_factory=Recipe)
    start: Path | None = None
    validation: float = 0.05
    reference: Path | None = None
    budget: Budget = field(default_factory=Budget)
    mix: float = 1.0
    replay: Path | None = None
    command: str = "olhar train compact"
    licence: str = "that of the data allows; say which before you pass it on"
    data_note: str = ""


@dataclass(frozen=True, slots=True)
class Trained:
    """The file of heads, how the epochs of one member after the other went and which of each was kept,
    measures by name of data set, and rows left out.
    """

    file: Path
    history: list[Epoch]
    best: list[int]
    figures: dict[str, dict[str, float]]
    bad: tuple[BadRow, ...]


def train_compact(
    plan: Plan,
    models: Path,
    *,
    on_photos: Callable[[int, int], None] = lambda _done, _all: None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Trained:
    """Train, check and write heads, report and model card into ``plan.out``; ``models`` holds the towers.

    The same plan on the same machine gives the same file. A run that was broken off is gone on with. Raises
    InvalidInput for data that cannot be used, RegressionTooLarge when the budget is overdrawn: then no
    heads are written.
    """
    if plan.start is None and plan.mix != 1:
        raise InvalidInput("--mix needs weights to mix with: add --start")
    torch.set_num_threads(1)  # more threads add up in another order: other figures for the same seed
    image, text = ImageTower(models), TextTower(models)
    found = _features(plan.data, VIEWS, plan, image, text, on_photos)
    judge = Judge(Classes.of(class_vectors(models, text)), wording_mean(models, text))
    training, validation = split(found, plan.validation, plan.recipe.seed)
    replay = _features(plan.replay, VIEWS, plan, image, text, on_photos) if plan.replay else None
    start = _start(plan.start) if plan.start else None
    said, classes = class_wordings()
    names = text.features(said)
    more = (torch.from_numpy(names), classes)
    weights, outcomes = _train(training, replay, validation, start, plan, more, on_epoch)
    plan.out.mkdir(parents=True, exist_ok=True)
    draft = plan.out / f"{FILE}.part"
    if start is not None and plan.mix == 0:
        weights = start
    else:
        plain = names[np.unique(classes, return_index=True)[1]]
        known = [training] if replay is None else [training, replay]
        asked = start[ASKED] if start is not None else None
        weights |= judge.asked(weights, known, plain, seed=plan.recipe.seed, before=asked)
    save_heads(weights, draft)
    figures = {"validation": judge.recall(draft, validation)}
    if plan.reference is not None:
        reference = _features(plan.reference, VIEWS[:1], plan, image, text, on_photos)
        figures["reference"] = judge.recall(draft, reference)
        if plan.start is not None:
            try:
                before = judge.recall(plan.start, reference)
                figures["reference, before"] = before
                plan.budget.check(before, figures["reference"])
            except Exception:
                draft.unlink()
                raise
    file = draft.replace(plan.out / FILE)
    for number in range(len(outcomes)):
        checkpoint(plan.out, number).unlink(missing_ok=True)
    history = [epoch for outcome in outcomes for epoch in outcome.history]
    bad = found.photos.bad + (replay.photos.bad if replay else ())
    trained = Trained(file, history, [outcome.best for outcome in outcomes], figures, bad)
    _tell(plan, found, replay, trained)
    return trained


def split(found: Features, share: float, seed: int) -> tuple[Features, Features]:
    """Training and validation photos, drawn by the seed; at least one of each.

    Raises InvalidInput when there are fewer than two photos.
    """
    training, held = held_back(len(found.photos.photos), share, seed, source=found.photos.source)
    return _part(found, training), _part(found, held)


def save_heads(weights: Mapping[str, Tensor], path: Path) -> None:
    """The weights of ``together`` with the questions beside them as safetensors, matrices in eight bits."""
    save_file(pack(_numpy(weights)), path, {"format": FORMAT})


def class_wordings() -> tuple[list[str], list[int]]:
    """Phrases for the classes of the image tower, and the class of each."""
    texts: list[str] = []
    classes: list[int] = []
    for number, (names, general) in enumerate(zip(class_names(), general_words(), strict=True)):
        said = [wording.format(name) for name in names[:NAMES_PER_CLASS] for wording in WORDINGS]
        if general:
            kinds = ", ".join(general)
            said += [f"a photo of a {names[0]}, a {kinds}", f"{names[0]}, {kinds}"]
        texts += said
        classes += [number] * len(said)
    return texts, classes


class Judge:
    """Recall of the whole vector, both halves, as the encoder makes it.

    ``classes`` and ``wordings`` are those of ``rag.encoders.compact.classes``.
    """

    def __init__(self, classes: Classes, wordings: Vector) -> None:
        self._classes, self._wordings = classes, wordings

    def recall(self, file: Path, found: Features) -> dict[str, float]:
        """Text to image: recall@1, @5, @10 in [0, 1] of a file of heads."""
        heads = Heads.load(file)
        scores = (
            text_vectors(heads, found.text, self._wordings, self._classes)
            @ picture_vectors(heads, found.image[0], found.logits, self._classes).T
        )
        owners = np.array(found.photos.owners)
        right = scores[np.arange(len(owners)), owners]
        ranks = (scores > right[:, None]).sum(1)
        return {f"recall@{k}": round(float((ranks < k).mean()), 4) for k in RECALLS}

    def asked(
        self,
        weights: Mapping[str, Tensor],
        known: Sequence[Features],
        names: Floats,
        *,
        seed: int,
        before: Tensor | None,
    ) -> dict[str, Tensor]:
        """The questions at large of ``Hubs`` for these heads, and how near to them the photos are.

        ``names`` are features of “a photo of a *class*” for every class; ``before`` the questions of the
        heads that were gone on from.
        """
        unasked = {**weights, ASKED: torch.zeros(1, HALVES), USUAL: torch.zeros(1)}
        heads = Heads.of(unpack(pack(_numpy(unasked))), "")
        captions = drawn([torch.from_numpy(one.text) for one in known], seed).numpy()
        said, plain = (
            torch.from_numpy(text_halves(heads, texts, self._wordings, self._classes))
            for texts in (captions, names)
        )
        found = questions(said, plain, seed=seed, before=before)
        hubs = Hubs(unpack(pack({ASKED: found.numpy()}))[ASKED], 0.0)
        near = [
            hubs.nearness(picture_halves(heads, one.image[0], one.logits, self._classes)) for one in known
        ]
        return {ASKED: found, USUAL: torch.tensor([float(np.concatenate(near).mean())])}


def _features(
    source: Path,
    views: Sequence[View],
    plan: Plan,
    image: ImageTower,
    text: TextTower,
    on_photos: Callable[[int, int], None],
) -> Features:
    photos = read_photos(source)
    count = len(photos.photos)
    return features_of(
        photos,
        image,
        text,
        views=views,
        keep=plan.out / "cache",
        on_photos=lambda done: on_photos(done, count),
    )


def _part(found: Features, numbers: NDArray[np.int64]) -> Features:
    owners = np.array(found.photos.owners)
    photos = tuple(found.photos.photos[n] for n in numbers)
    kept = type(found.photos)(found.photos.source, photos, found.photos.bad)
    # The captions lie in the order of their photos, and ``numbers`` are sorted.
    return Features(
        kept, found.image[:, numbers], found.logits[numbers], found.text[np.isin(owners, numbers)]
    )


def _pairs(found: Features) -> Pairs:
    return Pairs(
        torch.from_numpy(found.image),
        torch.from_numpy(found.text),
        torch.tensor(found.photos.owners),
        core=CORE,
    )


def _said(text: Tensor, owners: Tensor) -> Tensor:
    """What is said of each photo: the mean sentence of its captions, without what all have in common."""
    sentences = text[:, :TEXT_DIMENSION]
    sums = torch.zeros(int(owners.max()) + 1, TEXT_DIMENSION).index_add_(0, owners, sentences)
    means = sums / torch.bincount(owners)[:, None]
    return torch.nn.functional.normalize(means - means.mean(0), dim=1)


def _train(
    training: Features,
    replay: Features | None,
    validation: Features,
    start: Mapping[str, Tensor] | None,
    plan: Plan,
    wordings: tuple[Tensor, Sequence[int]],
    on_epoch: Callable[[Epoch], None],
) -> tuple[dict[str, Tensor], list[Outcome]]:
    """The weights of all members, mixed with those of ``start``, and how each went. ``wordings`` are features
    of phrases for the classes, and the class of each.
    """
    recipe = plan.recipe
    old, common = apart(start) if start is not None else ([], None)
    if old:
        rate = recipe.learning_rate * recipe.start_rate
        recipe = replace(recipe, learning_rate=rate, members=len(old))
    pairs = _pairs(training) if replay is None else pairs_with_replay(_pairs(training), _pairs(replay))
    pairs = replace(pairs, said=_said(pairs.text, pairs.owners))
    more = ClassPairs(classifier_rows(), pairs.image[0], *wordings)
    outcomes = train_members(
        lambda number: _heads(pairs, recipe, old[number] if old else None),
        pairs,
        _pairs(validation),
        recipe,
        more=more,
        checkpoints=plan.out,
        on_epoch=on_epoch,
    )
    tuned = [outcome.weights for outcome in outcomes]
    if old:
        tuned = [interpolate(one, other, plan.mix) for one, other in zip(old, tuned, strict=True)]
    if common is None:
        common = common_space([_heads(pairs, recipe, one) for one in tuned], pairs, LEARNED_DIMENSION)
    return together(tuned, common), outcomes


def _heads(pairs: Pairs, recipe: Recipe, weights: Mapping[str, Tensor] | None) -> TwoHeads:
    inputs = pairs.image.shape[2], pairs.text.shape[1]
    hidden, outputs = recipe.hidden, recipe.outputs
    if weights is not None:
        outputs, hidden = weights["image.second.weight"].shape
    heads = TwoHeads(*inputs, hidden=hidden, outputs=outputs, dropout=recipe.dropout)
    if weights is None:
        heads.image.standardise_on(pairs.image[0])
        heads.text.standardise_on(pairs.text)
    else:
        heads.load_state_dict(dict(weights))
    return heads


def _start(path: Path) -> dict[str, Tensor]:
    """The weights in a file of heads. Raises ModelUnavailable when it cannot be used."""
    Heads.load(path)
    return {name: torch.from_numpy(value) for name, value in unpack(load_file(path)).items()}


def _numpy(weights: Mapping[str, Tensor]) -> dict[str, Matrix]:
    return {name: value.numpy() for name, value in weights.items()}


def classifier_rows() -> Tensor:
    """The weights of the image tower's classifier, shape (1000, 1280)."""
    weights = torch.load(packaged(IMAGE.package, IMAGE.file), map_location="cpu", weights_only=True)
    rows: Tensor = weights["_fc.weight"]
    return rows


def _tell(plan: Plan, found: Features, replay: Features | None, trained: Trained) -> None:
    photos = found.photos
    beside = f"Replayed beside them: {len(replay.photos.photos)} photos. " if replay else ""
    facts = {
        "data": photos.source,
        "photos": len(photos.photos),
        "captions": len(photos.captions),
        "replay": len(replay.photos.photos) if replay else 0,
        "bad_rows": [f"{row.where}: {row.reason}" for row in photos.bad],
        "recipe": asdict(plan.recipe),
        "figures": trained.figures,
    }
    write_report(plan.out, trained.history, trained.best, facts)
    card = Card(
        name="Heads of the compact encoder",
        summary="Pairs of small networks that bring EfficientNet-Lite2 features of pictures and "
        "all-MiniLM-L6-v2 features of texts into one space of 512 dimensions; ConSE is the other half "
        "of the vector.",
        data=f"{len(photos.photos)} photos with {len(photos.captions)} captions. "
        f"{beside}{plan.data_note}".strip(),
        command=plan.command,
        seed=plan.recipe.seed,
        figures=trained.figures,
        limits=(
            "English, and Portuguese by a lexicon: the text tower knows no other language.",
            "Counts, left and right, and text inside a picture are not seen.",
            "It is best at photos like those it was trained on.",
        ),
        licence=plan.licence,
    )
    (plan.out / "MODEL_CARD.md").write_text(card.markdown(), "utf-8")
