"""What is minimised."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softmax


def info_nce(logits: Tensor, positives: Tensor) -> Tensor:
    """InfoNCE with several positives: the mean over the rows of −mean log p(positive).

    ``logits`` has shape (n, m); ``positives``, of the same shape, weighs the right columns of each row:
    0 or 1, or fractions where a row is a mixture. Every row needs a positive.

    Oord et al. 2018, arXiv 1807.03748, equation 4; for several positives the mean stands outside the
    logarithm, as in Khosla et al. 2020, arXiv 2004.11362, equation 2.
    """
    targets = positives / positives.sum(1, keepdim=True)
    return -(targets * log_softmax(logits, dim=1)).sum(1).mean()


def symmetric_info_nce(logits: Tensor, positives: Tensor) -> Tensor:
    """The mean of both directions, image to text and text to image.

    Radford et al. 2021, arXiv 2103.00020, figure 3. ``logits`` are already divided by the temperature.
    """
    return (info_nce(logits, positives) + info_nce(logits.T, positives.T)) / 2


def same_owner(owners: Tensor) -> Tensor:
    """Positives of a batch: 1 where two pairs are of one photo; shape (n, n)."""
    return (owners[:, None] == owners[None, :]).to(torch.float32)


def softened(positives: Tensor, likeness: Tensor, *, share: float, temperature: float) -> Tensor:
    """Targets of which ``share`` is spread over a softmax of ``likeness`` / ``temperature``; rows sum to 1.

    Photos of which nearly the same is said are no mistakes of each other. Soft targets: Hinton et al. 2015,
    arXiv 1503.02531, section 2; the teacher here is the text tower.
    """
    hard = positives / positives.sum(1, keepdim=True)
    return (1 - share) * hard + share * softmax(likeness / temperature, dim=1)
