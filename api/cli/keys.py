"""``olhar keys`` and ``olhar audit``: who may ask the server, and what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.markup import escape

from api.cli import show
from api.cli.looking_after import print_table
from rag.errors import DataFolderBusy, InvalidInput
from rag.settings import Settings, load_settings

if TYPE_CHECKING:
    from api.cli.remote_keys import RemoteKeyDesk
    from api.key_schemas import AuditEntryOut, KeyOut, MadeKeyOut
    from api.query_schemas import Body
    from api.security.keys import KeyDesk

    Given = TypeVar("Given", bound=Body)

keys = typer.Typer(help="Make, see, rotate and revoke the keys of a server.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Tenant = Annotated[str | None, typer.Option(help="Whose key it is.  [default: OLHAR_TENANT]")]
Prefix = Annotated[str, typer.Argument(help="What the key begins with, as `olhar keys list` shows it.")]
SCOPES = ["read"]


@contextmanager
def open_desk(settings: Settings) -> Iterator[KeyDesk | RemoteKeyDesk]:
    """The server that owns the data folder, if there is one and OLHAR_API_KEY is set; else the records.

    Who can read and write the records needs no key. Raises BadSettings when the records are in use by
    another version of Olhar, and what the server answers.
    """
    from api.owner import acquire, serving

    server = serving(settings.data)
    if server is not None and settings.api_key.get_secret_value():
        from api.cli.remote import Remote
        from api.cli.remote_keys import RemoteKeyDesk

        with Remote(server.url, settings) as remote:
            remote.check_tenant()
            yield RemoteKeyDesk(remote.send)
        return
    from api.security.keys import KeyDesk
    from rag.records.records import Records

    with ExitStack() as stack:
        alone = False
        if server is None:
            with suppress(DataFolderBusy):  # another command works in it, on other things
                stack.enter_context(acquire(settings.data))
                alone = True
        records = Records(settings.records_url, upgrade=alone)
        stack.callback(records.close)
        yield KeyDesk(records, settings.tenant)


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for: a person, a program, a machine.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, write or admin; may be repeated.  [default: read]", metavar="SCOPE"),
    ] = None,
    tenant: Tenant = None,
    expires_in_days: Annotated[float | None, typer.Option(min=0, help="It ends by itself then.")] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=0, help="0: no limit.  [default: OLHAR_REQUESTS_PER_MINUTE]")
    ] = None,
    upload_bytes_per_day: Annotated[
        int | None, typer.Option(min=0, help="0: no limit.  [default: OLHAR_UPLOAD_BYTES_PER_DAY]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its secret is shown this once."""
    from api.key_schemas import KeyIn

    wanted = _checked(
        KeyIn,
        name=name,
        scopes=scope or SCOPES,
        expires_in_days=expires_in_days,
        requests_per_minute=requests_per_minute,
        upload_bytes_per_day=upload_bytes_per_day,
    )
    with open_desk(_settings(tenant)) as desk:
        made = desk.create(wanted)
    _print_made(made, as_json=as_json)


@keys.command("list")
def list_keys(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Show the keys, without their secrets; revoked and expired ones too."""
    with open_desk(_settings(tenant)) as desk:
        found = desk.list()
    print_table(found, [_row(key) for key in found.keys], COLUMNS, as_json=as_json)


@keys.command("rotate")
def rotate(
    prefix: Prefix,
    grace_hours: Annotated[
        float, typer.Option(min=0, max=24 * 365, help="So long the secret of before is good too.")
    ] = 24.0,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret, which is shown this once."""
    from api.key_schemas import RotateIn

    with open_desk(_settings(tenant)) as desk:
        made = desk.rotate(prefix, _checked(RotateIn, grace_hours=grace_hours))
    _print_made(made, as_json=as_json)


@keys.command("revoke")
def revoke(prefix: Prefix, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Revoke a key: it, and its sessions, are good for nothing from now on."""
    with open_desk(_settings(tenant)) as desk:
        key = desk.revoke(prefix)
    print_table(key, [_row(key)], COLUMNS, as_json=as_json)


def audit(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    before: Annotated[int | None, typer.Option(min=0, help="Those before the entry with this id.")] = None,
    key: Annotated[str, typer.Option(help="Those of the key with this prefix.")] = "",
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Show what was changed through the server, or was to be: who, when, what, and how it ended."""
    with open_desk(_settings(tenant)) as desk:
        found = desk.audit(limit=limit, before=before, key=key)
    print_table(found, [_entry(entry) for entry in found.entries], ENTRY_COLUMNS, as_json=as_json)
    if found.next is not None and not as_json:
        typer.echo(f"more: --before {found.next}")


COLUMNS = ("key", "tenant", "name", "scopes", "state", "made", "used", "ends")
ENTRY_COLUMNS = ("id", "when", "who", "operation", "collection", "on", "status", "from")


def _settings(tenant: str | None) -> Settings:
    return load_settings(**({} if tenant is None else {"tenant": tenant}))


def _checked(schema: type[Given], **options: object) -> Given:
    """The options as the body of a request. Raises InvalidInput."""
    from pydantic import ValidationError

    try:
        return schema.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _print_made(made: MadeKeyOut, *, as_json: bool) -> None:
    print_table(made, [_row(made)], COLUMNS, as_json=as_json)
    if not as_json:
        show.console(stderr=True).print("The key itself, which is not shown again:")
        typer.echo(made.secret)


def _row(key: KeyOut) -> tuple[str, ...]:
    state = "good" if key.good else "expired" if key.revoked_at is None else "revoked"
    scopes = ", ".join(key.scopes)
    times = (_when(at) for at in (key.created_at, key.used_at, key.expires_at))
    return (key.prefix, escape(key.tenant), escape(key.name), scopes, state, *times)


def _entry(entry: AuditEntryOut) -> tuple[str, ...]:
    status = "?" if entry.status is None else str(entry.status)
    what = (escape(entry.collection), escape(entry.target))
    who = entry.key or "this machine"
    return (str(entry.id), _when(entry.at), who, entry.operation, *what, status, entry.address)


def _when(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
