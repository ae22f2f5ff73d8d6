"""``olhar export-index``: a collection's vectors as a FAISS index."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from api.cli import show
from rag.errors import DataFolderBusy
from rag.settings import load_settings
from rag.types import Kind, Scope


def export_index(
    collection: Annotated[str, typer.Argument(help="Collection whose vectors are written.")],
    out: Annotated[Path, typer.Argument(help="Folder to write; new or empty.", file_okay=False)],
    leg: Annotated[
        Literal["image", "caption", "passage"],
        typer.Option(help="Vectors of pictures, captions or passages."),
    ] = "image",
    m: Annotated[int, typer.Option("-m", "--links", min=4, max=128, help="M of HNSW.")] = 32,
    ef_construction: Annotated[int, typer.Option(min=8, max=2000, help="efConstruction of HNSW.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Write the vectors of a collection as a FAISS index that needs no Olhar to be read."""
    from api.owner import acquire, server_of
    from rag.build import build
    from rag.index_files import write_index

    settings = load_settings(collection=collection)
    url = server_of(settings.data)
    if url is not None:
        raise DataFolderBusy(
            f"the data folder {settings.data} is served at {url}; stop that server, then run "
            "`olhar export-index` again"
        )
    kind: Kind = "passage" if leg == "passage" else "image"
    with acquire(settings.data), build(settings) as olhar:
        written = write_index(
            olhar.store,
            Scope(settings.tenant, collection),
            olhar.encoder.fingerprint if leg == "image" else olhar.text_encoder.fingerprint,
            out,
            leg="image" if leg == "image" else "caption",
            kind=kind,
            m=m,
            ef_construction=ef_construction,
        )
    if as_json:
        show.record_as_json(written)
    else:
        typer.echo(f"{written.count:,} vectors of {written.dimension} numbers written to {out}")
