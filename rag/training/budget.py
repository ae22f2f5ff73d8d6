"""What may be lost, and the middle way between old and new weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from rag.errors import Conflict, InvalidInput


class RegressionTooLarge(Conflict):
    """The new weights lose more on the reference set than they may."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How far a measure in [0, 1] may fall on a reference set."""

    points: float = 0.02
    measure: str = "recall@10"

    def check(self, before: Mapping[str, float], after: Mapping[str, float]) -> float:
        """How much was lost (negative: gained). Raises RegressionTooLarge above the budget."""
        lost = before[self.measure] - after[self.measure]
        if lost > self.points + 1e-9:
            raise RegressionTooLarge(
                f"{self.measure} on the reference set fell from {before[self.measure]:.3f} to "
                f"{after[self.measure]:.3f}, by more than {self.points:.3f}: nothing was written. Train "
                "less, mix with the original weights (--mix below 1), or raise --budget"
            )
        return lost


def interpolate(
    original: Mapping[str, Tensor], tuned: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """(1 − share) · original + share · tuned, tensor by tensor.

    WiSE-FT: Wortsman et al. 2022, arXiv 2109.01903, equation 1. ``share`` is in [0, 1]. Raises InvalidInput
    when it is not, or when the weights are not of one shape.
    """
    if not 0 <= share <= 1:
        raise InvalidInput(f"the share of the new weights is {share}; it has to be between 0 and 1")
    if {k: v.shape for k, v in original.items()} != {k: v.shape for k, v in tuned.items()}:
        raise InvalidInput("only weights of one architecture can be mixed; train from the same start")
    if share == 0:  # the sum below would turn a negative zero into a positive one
        return dict(original)
    return {
        name: (old * (1 - share) + tuned[name] * share).to(old.dtype)
        if old.is_floating_point()
        else tuned[name]
        for name, old in original.items()
    }
