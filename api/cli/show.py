"""What the commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel, TypeAdapter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from api.schemas import AskOut, DuplicatesOut, FileOut, HitOut, IngestOut, RerankOut, SearchOut
from rag.settings import Origin
from rag.types import AUDIO, moment

if TYPE_CHECKING:
    from api.cli.doctor import PartReport
    from api.record_schemas import SyncOut

SHOWN_PROBLEMS = 20


def console(*, stderr: bool = False) -> Console:
    """A console on the current output; soft-wrapped, so that pipes see whole lines."""
    return Console(stderr=stderr, soft_wrap=True, highlight=False)


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Callable[[FileOut], None]]:
    """A bar on standard error with the rate; yields what to call for each file that is done."""
    columns = (
        TextColumn("ingesting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=total, rate="")

        def done(_: FileOut) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, advance=1, rate=f"{speed:.0f} files/s" if speed else "")

        yield done


def as_json(out: BaseModel) -> None:
    """The same for programs, on one line."""
    _json(out)


def record_as_json(record: object) -> None:
    """A record of the library for programs, on one line."""
    typer.echo(TypeAdapter(type(record)).dump_json(record).decode())


def records_as_json(records: Sequence[object]) -> None:
    """Records of the library for programs, on one line."""
    typer.echo(TypeAdapter(list[Any]).dump_json(list(records)).decode())


def listed(given: str) -> list[str]:
    """Words with commas between, or those of a file."""
    path = Path(given)
    if given and path.is_file():
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [word.strip() for word in given.split(",") if word.strip()]


def alike(found: DuplicatesOut, *, as_json: bool) -> None:
    """Groups of pictures that look alike."""
    if as_json:
        _json(found)
        return
    out = console()
    for number, group in enumerate(found.groups, start=1):
        out.print(f"[bold]{number}[/]")
        for picture in group:
            out.print(f"  {escape(', '.join(picture.sources))}")
    more = "" if found.complete else ", which are not all"
    out.print(f"{len(found.groups)} groups among {found.looked_at:,} pictures{more}")


def ingested(report: IngestOut, *, as_json: bool) -> None:
    if as_json:
        _json(report)
        return
    out = console()
    problems = [file for file in report.files if file.status in {"failed", "quarantined"}]
    for file in problems[:SHOWN_PROBLEMS]:
        out.print(f"[red]{file.status}[/] {escape(file.source)}: {escape(file.reason)}")
    if len(problems) > SHOWN_PROBLEMS:
        out.print(f"… and {len(problems) - SHOWN_PROBLEMS} more; --json lists all")
    counts = ", ".join(f"{n} {status}" for status, n in report.counts.items() if n) or "no files"
    out.print(f"[bold]{escape(report.collection)}[/]: {counts}")


def synced(report: SyncOut, *, as_json: bool) -> None:
    """As ``ingested``, and how many sources were taken away."""
    ingested(report, as_json=as_json)
    if not as_json:
        console().print(f"{len(report.removed)} removed")


def found(result: SearchOut, *, as_json: bool) -> None:
    if as_json:
        _json(result)
        return
    out = console()
    _warn(out, result.warnings)
    if not result.hits:
        out.print("nothing found; is the collection empty? (`olhar ingest PATH`)")
        return
    out.print(hits_table(result.hits))
    if result.rerank.state != "skipped":
        out.print(_reranking(result.rerank))
    if result.next:
        out.print(f"[dim]more: --cursor {result.next}[/]")


def answered(answer: AskOut, *, as_json: bool) -> None:
    if as_json:
        _json(answer)
        return
    out = console()
    _warn(out, answer.warnings)
    if answer.trace.state == "rewritten":
        out.print(f"[dim]understood as: {escape(answer.trace.rewritten)}[/]")
    out.print(f"[bold]{escape(answer.answer)}[/]")
    cited = {citation.marker for citation in answer.citations}
    for evidence in answer.evidence:
        mark = "[green]" if evidence.marker in cited else "[dim]"
        out.print(f"{mark}{escape(f'[{evidence.marker}]')}[/] {escape(_full(evidence))}  {scores(evidence)}")
    out.print(f"[dim]{escape(answer.model)}; [/]{_reranking(answer.rerank)}")


def examined(reports: Sequence[PartReport], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports], ensure_ascii=False))
        return
    table = Table("part", "chosen", "state", "device", "what to know", box=None, pad_edge=False)
    colours = {"ok": "green", "failed": "red", "skipped": "yellow"}
    for report in reports:
        state = f"[{colours[report.state]}]{report.state}[/]"
        table.add_row(report.part, escape(report.chosen), state, report.device, escape(report.detail))
    Console().print(table)


def settings(rows: Sequence[Origin], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
        return
    table = Table("setting", "value", "from", "meaning", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row.name, escape(row.value), row.origin, escape(row.description))
    Console().print(table)


def hits_table(hits: Sequence[HitOut]) -> Table:
    reranked = any(hit.legs.rerank is not None for hit in hits)
    read = any(hit.legs.ocr is not None for hit in hits)
    told = any(hit.legs.named for hit in hits)
    more = (("ocr", read), ("named", told), ("rerank", reranked))
    names = ["image", "caption", "bm25", *(name for name, there in more if there)]
    table = Table("", "relevance", *names, "file", "text", box=None, pad_edge=False)
    for hit in hits:
        legs = [_number(getattr(hit.legs, name)) for name in names]
        text = hit.text if hit.kind == "passage" else hit.caption
        named = f"{place(hit)}{_others(hit)}"
        table.add_row(str(hit.rank), f"{hit.relevance:.2f}", *legs, escape(named), escape(text[:80]))
    return table


def _others(hit: HitOut) -> str:
    """What a hit stands for besides itself."""
    alike = f"{hit.duplicates} alike" if hit.duplicates else ""
    parts = f"{hit.more_parts} more of it" if hit.more_parts else ""
    told = ", ".join(filter(None, (alike, parts)))
    return f" (+ {told})" if told else ""


def place(hit: HitOut) -> str:
    """The name of the file, and for a part of a document which."""
    name = PurePath(hit.source).name or hit.source
    return f"{name}, {_part(hit)}" if hit.part else name


def _part(hit: HitOut) -> str:
    if hit.seconds is None:
        return hit.part
    return f"{'heard' if hit.modality == AUDIO else ''} at {moment(hit.seconds)}".strip()


def scores(hit: HitOut) -> str:
    """Relevance and the score of each leg, on one line."""
    legs = hit.legs
    return (
        f"relevance {hit.relevance:.2f} (image {_number(legs.image)}, "
        f"caption {_number(legs.caption)}, bm25 {_number(legs.bm25)}"
        f"{'' if legs.rerank is None else f', rerank {legs.rerank:.2f}'})"
    )


def _reranking(rerank: RerankOut) -> str:
    colour = "yellow" if rerank.state == "degraded" else "dim"
    return f"[{colour}]reranking {rerank.state}: {escape(rerank.reason)}[/]"


def _full(hit: HitOut) -> str:
    return f"{hit.source}, {_part(hit)}" if hit.part else hit.source


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _warn(out: Console, warnings: Sequence[str]) -> None:
    for warning in warnings:
        out.print(f"[yellow]warning[/] {escape(warning)}")


def _json(model: BaseModel) -> None:
    typer.echo(model.model_dump_json())


def moderated(files: int, flagged: int, held: int, kept_out: int = 0) -> str:
    """What moderation says of what is stored; ``kept_out`` are to be taken out, ``held`` were."""
    away = f"{held} taken out of search" if held or not kept_out else f"{kept_out} to be taken out of search"
    return f"{files} files held against the policy: {flagged} flagged, {away}"
