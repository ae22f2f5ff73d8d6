"""``olhar classify``: which of your labels pictures show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.markup import escape

from api.cli import show
from api.cli.label_files import read_labels
from rag.errors import InvalidInput
from rag.settings import load_settings

if TYPE_CHECKING:
    from api.classify_schemas import ClassifiedOut

Labels = Annotated[
    str, typer.Option(help="Labels with commas between: 'dog,snow,swimming pool'.", metavar="LABEL,…")
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        help="A label a line; after a TAB a sentence on how it looks. Or JSON lines with name, description.",
        dir_okay=False,
    ),
]
Multi = Annotated[bool, typer.Option("--multi", help="Each label for itself: several may fit.")]
NoNone = Annotated[bool, typer.Option("--no-none", help="One of them in any case.")]
Language = Annotated[
    Literal["en", "pt"], typer.Option(help="Language of the sentences that labels are put into.")
]
Template = Annotated[
    list[str] | None, typer.Option(help="Such a sentence, with {} for the label; may be repeated.")
]
Schema = TypeVar("Schema", bound=BaseModel)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def classify(
    image: Annotated[Path, typer.Argument(help="A picture.", metavar="IMAGE", exists=True, dir_okay=False)],
    labels: Labels = "",
    labels_file: LabelsFile = None,
    multi: Multi = False,
    no_none: NoNone = False,
    language: Language = "en",
    template: Template = None,
    as_json: AsJson = False,
) -> None:
    """Say which of your labels a picture shows; nothing has to be trained for them."""
    from api.classify_schemas import ClassifyIn
    from api.cli.backend import open_backend

    given = {"multi": multi, "none": not no_none, "language": language, "templates": template or []}
    wanted = _wanted(ClassifyIn, {"labels": _labels(labels, labels_file), **given})
    with open_backend(load_settings()) as backend:
        found = backend.classify(wanted, image)
    _show(found, as_json=as_json)


def _labels(given: str, file: Path | None) -> list[Any]:
    split: list[Any] = [name.strip() for name in given.split(",") if name.strip()]
    if file is not None:
        split += read_labels(file)
    if not split:
        raise InvalidInput("no labels: give --labels or --labels-file")
    return split


def _wanted(schema: type[Schema], fields: dict[str, Any]) -> Schema:
    try:
        return schema(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{where}: {first['msg']}") from None


def _show(found: ClassifiedOut, *, as_json: bool) -> None:
    if as_json:
        show.as_json(found)
        return
    for one in found.labels:
        mark = "[green]" if one.name == found.best else "[default]"
        show.console().print(f"{mark}{one.probability:6.3f}[/]  {escape(one.name)}")
    if found.none is not None:
        show.console().print(f"[dim]{found.none:6.3f}  none of these[/]")
    for warning in found.warnings:
        show.console().print(f"[yellow]{escape(warning)}[/]")
