"""Low-rank adapters beside the linear layers of a model: few weights to train, none to carry afterwards."""

from __future__ import annotations

from collections.abc import Collection

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from rag.errors import InvalidInput

DROPOUT = 0.1
ALPHA = 2
"""The adapter's share is ``ALPHA``, whatever the rank: lora_alpha / r."""


def add_lora(model: nn.Module, rank: int, *, leave: Collection[str] = ()) -> None:
    """Give every linear layer of ``model`` an adapter, in place; from then on only the adapters learn.

    W becomes W + ALPHA · B A, with B (outputs, rank) zero at first, so that nothing changes before training
    (Hu et al. 2021, arXiv 2106.09685, section 4.1). Weights named in ``leave`` get none. The first A is
    drawn from torch's global generator. Raises InvalidInput when there is no such layer.
    """
    # A subclass reads its weight in ways of its own (attention in one piece), past any adapter.
    layers = [
        name
        for name, module in model.named_modules()
        if type(module) is nn.Linear and f"{name}.weight" not in leave
    ]
    if not layers:
        raise InvalidInput("the model has no linear layer for an adapter; train all of it with --full")
    config = LoraConfig(r=rank, lora_alpha=ALPHA * rank, lora_dropout=DROPOUT, target_modules=layers)
    inject_adapter_in_model(config, model)


def merge_lora(model: nn.Module) -> None:
    """Add the adapters to the weights and take them out, in place: an ordinary model again."""
    for name, layer in [(n, m) for n, m in model.named_modules() if isinstance(m, BaseTunerLayer)]:
        layer.merge()
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, layer.get_base_layer())
