"""``olhar classify``: which of your labels pictures show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.markup import escape

from api.cli import show
from api.cli.label_files import read_examples, read_labels
from rag.errors import InvalidInput
from rag.settings import load_settings

if TYPE_CHECKING:
    from api.classify_schemas import ClassifiedOut
    from api.teaching_schemas import SortedOut

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
classifiers = typer.Typer(help="Labels that are taught by a few examples.", no_args_is_help=True)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
Collection = Annotated[str | None, typer.Option(help="Collection to work on.  [default: OLHAR_COLLECTION]")]
Schema = TypeVar("Schema", bound=BaseModel)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def classify(
    target: Annotated[
        str, typer.Argument(help="A picture, or the name of a collection.", metavar="IMAGE|COLLECTION")
    ],
    labels: Labels = "",
    labels_file: LabelsFile = None,
    multi: Multi = False,
    no_none: NoNone = False,
    language: Language = "en",
    template: Template = None,
    classifier: Annotated[
        str | None, typer.Option(help="One that was taught (`olhar classifiers`), instead of labels.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="Where the classifier of a picture is.  [default: OLHAR_COLLECTION]")
    ] = None,
    store: Annotated[
        bool, typer.Option("--store", help="Of a collection: labels become tags where nobody else gave any.")
    ] = False,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Of a collection: a label below it is not given.")
    ] = 0.5,
    as_json: AsJson = False,
) -> None:
    """Say which of your labels a picture, or each of a collection, shows; nothing has to be trained."""
    from api.classify_schemas import ClassifyIn
    from api.cli.backend import open_backend
    from api.teaching_schemas import SortIn

    given: dict[str, Any] = {
        "multi": multi,
        "none": not no_none,
        "language": language,
        "templates": template or [],
    }
    given |= {"labels": _labels(labels, labels_file, needed=classifier is None), "classifier": classifier}
    with open_backend(load_settings()) as backend:
        if Path(target).is_file():
            wanted = _wanted(ClassifyIn, given | ({"collection": collection} if collection else {}))
            _show(backend.classify(wanted, Path(target)), as_json=as_json)
        elif NAME.fullmatch(target):
            sort = _wanted(SortIn, given | {"store": store, "threshold": threshold})
            found = backend.sort(target, sort)
            if not found.pictures:
                raise InvalidInput(f"{target} is no file, and no collection with pictures")
            _show_sorted(found, as_json=as_json)
        else:
            raise InvalidInput(f"{target} is no file, and no name of a collection")


@classifiers.command("teach")
def teach(
    name: Annotated[str, typer.Argument(help="Its name.")],
    manifest: Annotated[
        Path,
        typer.Argument(
            help='JSON lines: {"label": …, "item": its id} or {"label": …, "file": its path}.', dir_okay=False
        ),
    ],
    collection: Collection = None,
    no_words: Annotated[
        bool, typer.Option("--no-words", help="By the examples alone: the labels are no words.")
    ] = False,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Teach labels by a few examples of each; ten do well. One of the same name is replaced."""
    from api.cli.backend import open_backend
    from api.teaching_schemas import TeachIn

    settings = load_settings(**({} if collection is None else {"collection": collection}))
    examples = read_examples(manifest, settings.max_bytes)
    fields = {"name": name, "examples": examples, "words": not no_words, "language": language}
    with open_backend(settings) as backend:
        made = backend.teach(settings.collection, _wanted(TeachIn, fields))
    if as_json:
        show.as_json(made)
    else:
        counts = ", ".join(f"{label} {count}" for label, count in made.examples.items())
        show.console().print(f"{escape(made.name)}: {escape(counts)} examples")
        if made.shares is None:
            show.console().print(
                "[yellow]the collection has too few pictures to tell how common each label is: probabilities "
                "are not calibrated[/]"
            )


@classifiers.command("list")
def list_classifiers(collection: Collection = None, as_json: AsJson = False) -> None:
    """Show the classifiers of a collection, and how common each label seemed to be when they were taught."""
    from api.cli.backend import open_backend

    settings = load_settings(**({} if collection is None else {"collection": collection}))
    with open_backend(settings) as backend:
        found = backend.classifiers(settings.collection)
    if as_json:
        show.as_json(found)
        return
    for one in found.classifiers:
        note = "" if one.usable else f" [yellow](taught with {escape(one.encoder)}: teach it again)[/]"
        shares = one.shares or {}
        labels = [f"{label} {shares[label]:.0%}" if label in shares else label for label in one.labels]
        show.console().print(f"{escape(one.name)}: {escape(', '.join(labels))}{note}")


@classifiers.command("delete")
def delete_classifier(
    name: Annotated[str, typer.Argument(help="The classifier.")], collection: Collection = None
) -> None:
    """Delete a classifier. Tags that it gave stay."""
    from api.cli.backend import open_backend

    settings = load_settings(**({} if collection is None else {"collection": collection}))
    with open_backend(settings) as backend:
        backend.forget_classifier(settings.collection, name)


def _labels(given: str, file: Path | None, *, needed: bool) -> list[Any]:
    split: list[Any] = [name.strip() for name in given.split(",") if name.strip()]
    if file is not None:
        split += read_labels(file)
    if needed and not split:
        raise InvalidInput("no labels: give --labels or --labels-file, or a --classifier")
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


def _show_sorted(found: SortedOut, *, as_json: bool) -> None:
    if as_json:
        show.as_json(found)
        return
    for label, count in found.labels.items():
        show.console().print(f"{count:6}  {escape(label)}")
    show.console().print(f"[dim]{found.none:6}  none of these[/]")
    if found.tagged or found.kept:
        show.console().print(f"{found.tagged} tagged; {found.kept} keep the tags of a person or a source")
    for warning in found.warnings:
        show.console().print(f"[yellow]{escape(warning)}[/]")
