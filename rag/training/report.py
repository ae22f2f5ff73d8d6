"""What a run leaves behind to be read: figures as JSON, curves as one HTML page."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rag.training.trainer import Epoch

WIDTH, HEIGHT, EDGE = 480, 200, 36
COLOURS = ("#0b6e99", "#b8491f", "#3f7d20")


def write_report(
    folder: Path, history: Sequence[Epoch], best: int | Sequence[int], facts: Mapping[str, object]
) -> None:
    """``report.json`` and ``report.html`` in ``folder``. ``facts`` are named figures, shown as they are."""
    epochs = [asdict(epoch) for epoch in history]
    told = {**facts, "best_epoch": best, "epochs": epochs}
    (folder / "report.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    names = sorted({name for epoch in history for name in epoch.recall}, key=lambda n: int(n.split("@")[1]))
    recalls = {name: [epoch.recall[name] for epoch in history] for name in names}
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in told.items()
        if name != "epochs"
    )
    (folder / "report.html").write_text(
        "<!doctype html><meta charset=utf-8><title>Training</title>"
        "<style>body{font:15px system-ui;margin:2em;max-width:60em}th{text-align:left;padding-right:1em}"
        "</style><h1>Training</h1>"
        f"<h2>Validation recall</h2>{curve(recalls)}"
        f"<h2>Loss</h2>{curve({'loss': [epoch.loss for epoch in history]})}"
        f"<h2>Figures</h2><table>{rows}</table>\n",
        "utf-8",
    )


def curve(lines: Mapping[str, Sequence[float]]) -> str:
    """An SVG picture of one or more lines over the epochs, from 0 to the largest value."""
    top = max((value for values in lines.values() for value in values), default=0.0) or 1.0
    parts = [
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" xmlns="http://www.w3.org/2000/svg">',
        f'<path d="M{EDGE} {EDGE / 2}V{HEIGHT - EDGE}H{WIDTH - EDGE}" fill="none" stroke="#888"/>',
        f'<text x="2" y="{EDGE / 2 + 4}" font-size="11">{top:.3g}</text>',
    ]
    for place, (name, values) in enumerate(lines.items()):
        across = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
        points = " ".join(
            f"{EDGE + n * across:.1f},{HEIGHT - EDGE - value / top * (HEIGHT - 1.5 * EDGE):.1f}"
            for n, value in enumerate(values)
        )
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<text x="{EDGE + 90 * place}" y="{HEIGHT - 8}" font-size="12" fill="{colour}">'
            f"{html.escape(name)}</text>"
        )
    return "".join(parts) + "</svg>"
