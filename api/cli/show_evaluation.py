"""What ``olhar eval`` prints for people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli import show
from rag.evaluation.judging import Comparison, Interval
from rag.evaluation.measures import MEASURES
from rag.evaluation.retrieval import Evaluation

SIGNIFICANT = 0.05
COMPARED = ("recall@1", "recall@10", "mrr")


def printed(evaluation: Evaluation) -> None:
    """Tables of figures, of differences, of relevance, and of times."""
    out = show.console()
    for row in evaluation.bad_rows[: show.SHOWN_PROBLEMS]:
        out.print(f"[yellow]left out[/] line {row.line} {escape(row.file)}: {escape(row.reason)}")
    if len(evaluation.bad_rows) > show.SHOWN_PROBLEMS:
        out.print(f"… and {len(evaluation.bad_rows) - show.SHOWN_PROBLEMS} more; --json lists all")
    for warning in evaluation.warnings:
        out.print(f"[yellow]{escape(warning)}[/]")
    out.print(
        f"[bold]{escape(evaluation.encoder)}[/], {evaluation.protocol}: "
        f"{evaluation.photos} photos, {evaluation.texts} texts, {evaluation.queries} queries"
    )
    out.print(_figures(evaluation))
    if evaluation.comparisons:
        out.print(_differences(evaluation))
    _relevance(out, evaluation)
    for one in evaluation.rankings:
        if one.notes:
            told = ", ".join(f"{key} {value}" for key, value in one.notes.items())
            out.print(escape(f"{one.name}: {told}"))
    times = ", ".join(f"{name} {stage.each_ms:.2f}" for name, stage in evaluation.latency.items())
    out.print(f"[dim]ms each, on this machine, now: {escape(times)}[/]")


def _figures(evaluation: Evaluation) -> Table:
    table = Table("ranking", *MEASURES, box=None, pad_edge=False, caption="with 95 % intervals")
    fused = evaluation.options.fusions[0]
    for one in evaluation.rankings:
        name = f"fused ({one.name})" if (one.kind, one.name) == ("fusion", fused) else one.name
        table.add_row(name, *(_spanned(one.measures[measure]) for measure in MEASURES))
    return table


def _spanned(value: Interval) -> str:
    return f"{value.mean:.3f} [dim]{value.low:.3f}–{value.high:.3f}[/]"


def _differences(evaluation: Evaluation) -> Table:
    base = evaluation.comparisons[0].base
    table = Table(f"beside {base}", *COMPARED, box=None, pad_edge=False, caption="difference, p after Holm")
    found = {(one.name, one.measure): one for one in evaluation.comparisons}
    for name in dict.fromkeys(one.name for one in evaluation.comparisons):
        table.add_row(name, *(_difference(found[name, measure]) for measure in COMPARED))
    return table


def _difference(one: Comparison) -> str:
    style = "bold" if one.p_holm < SIGNIFICANT else "dim"
    return f"[{style}]{one.difference.mean:+.3f}[/] [dim]p {one.p_holm:.4f}[/]"


def _relevance(out: Console, evaluation: Evaluation) -> None:
    for one in evaluation.rankings:
        if one.reliability is not None:
            told = one.reliability
            area = "–" if told.auroc is None else f"{told.auroc:.3f}"
            out.print(
                f"first hits ({one.name}): relevance {told.relevance:.3f}, right {told.right:.3f}; "
                f"calibration error {told.ece:.3f}, area under the ROC curve {area}"
            )
