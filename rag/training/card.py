"""The model card: what the weights are, from what, by which command, how good, and for what use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """The parts of a model card. ``figures`` are measures in [0, 1] under the name of what was measured."""

    name: str
    summary: str
    data: str
    command: str
    seed: int
    figures: Mapping[str, Mapping[str, float]]
    limits: Sequence[str]
    licence: str

    def markdown(self) -> str:
        """The card as Markdown."""
        rows = [
            f"| {where} | {measure} | {value:.3f} |"
            for where, measures in self.figures.items()
            for measure, value in measures.items()
        ]
        return "\n".join(
            [
                f"# {self.name}",
                "",
                self.summary,
                "",
                f"- Data: {self.data}",
                f"- Command: `{self.command}`",
                f"- Seed: {self.seed}",
                f"- Licence: {self.licence}",
                "",
                "## Figures",
                "",
                "| measured on | measure | value |",
                "| --- | --- | --- |",
                *rows,
                "",
                "## Limits",
                "",
                *(f"- {limit}" for limit in self.limits),
                "",
            ]
        )
