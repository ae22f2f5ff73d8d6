"""Rehearse what is known while learning what is new: pairs of another data set among one's own."""

from __future__ import annotations

from dataclasses import replace

import torch

from rag.training.datasets import Photos
from rag.training.trainer import Pairs


def repeats(own: int, others: int) -> int:
    """How often one's own captions come in a pass over all, so that about half of each batch is one's own."""
    return max(1, round(others / own))


def photos_with_replay(own: Photos, others: Photos) -> Photos:
    """One data set of both, the captions of ``own`` repeated. Bad rows are those of both."""
    again = repeats(len(own.captions), len(others.captions))
    more = tuple(replace(photo, captions=photo.captions * again) for photo in own.photos)
    return replace(own, photos=(*more, *others.photos), bad=(*own.bad, *others.bad))


def pairs_with_replay(own: Pairs, others: Pairs) -> Pairs:
    """The same of features; both have as many views."""
    again = repeats(len(own.owners), len(others.owners))
    return replace(
        own,
        image=torch.cat([own.image, others.image], 1),
        text=torch.cat([own.text.repeat(again, 1), others.text]),
        owners=torch.cat([own.owners.repeat(again), others.owners + own.image.shape[1]]),
    )
