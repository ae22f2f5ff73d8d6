"""Puts an evaluation into the page. Whatever the data set says is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from rag.evaluation.judging import Comparison, Judged
from rag.evaluation.measures import MEASURES
from rag.evaluation.report import plots
from rag.evaluation.report.pictures import embedded
from rag.evaluation.retrieval import Evaluation
from rag.pages import write_page

COMPARED: Final = ("recall@1", "recall@10", "mrr")
SIGNIFICANT: Final = 0.05

_pages = Environment(
    loader=PackageLoader("rag.evaluation.report", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(evaluation: Evaluation, folder: Path, out: Path, *, title: str, max_pixels: int) -> None:
    """Write the page to ``out``; it is there whole or not at all. ``folder`` is that of the data set.

    Raises InvalidInput when it cannot be written.
    """
    photos = {} if not evaluation.photos else embedded(folder, evaluation.worst, max_pixels)
    page = _pages.get_template("page.html").render(
        title=title,
        evaluation=evaluation,
        measures=MEASURES,
        compared=COMPARED,
        significant=SIGNIFICANT,
        comparisons=_by_name(evaluation.comparisons),
        reliable=[one for one in evaluation.rankings if one.reliability is not None],
        base=_base(evaluation),
        plots=plots,
        photos=photos,
    )
    write_page(out, page)


def _by_name(comparisons: tuple[Comparison, ...]) -> dict[str, dict[str, Comparison]]:
    found: dict[str, dict[str, Comparison]] = {}
    for one in comparisons:
        found.setdefault(one.name, {})[one.measure] = one
    return found


def _base(evaluation: Evaluation) -> Judged:
    return next(one for one in evaluation.rankings if one.kind == "fusion")
