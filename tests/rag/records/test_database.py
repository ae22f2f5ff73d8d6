"""The database: made by its migrations, refused when it is another's, locks that hold."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from rag.errors import BadSettings, RecordsUnavailable
from rag.records.database import MIGRATIONS, REVISIONS, Database
from rag.records.records import Records
from rag.records.schema import metadata
from rag.records.types import Place
from rag.types import Scope

from .conftest import Clock

SCOPE = Scope("tenant", "photos")
OTHER = Scope("another", "photos")


def test_the_migrations_make_the_tables_of_the_schema(records: Records) -> None:
    engine = create_engine(records.database.url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_last_migration_is_known_by_its_number() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISIONS[-1]]


def test_opening_twice_changes_nothing(url: str, records: Records) -> None:
    removal = records.removals.begin(SCOPE, "collection")
    again = Records(url)
    assert again.removals.unfinished() == [removal]
    assert again.removals.unfinished(OTHER) == []
    later = again.removals.begin(SCOPE, "collection", "", ["a" * 64])
    again.removals.begin(SCOPE, "item", "1")
    again.removals.end(later)
    assert [left.target for left in again.removals.unfinished(SCOPE)] == ["item"]
    again.close()


def test_a_database_of_a_later_version_is_refused(url: str, records: Records) -> None:
    with records.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadSettings, match="later version"):
        Records(url)


@pytest.mark.parametrize(
    "url",
    ["mysql://root:secret@host/db", "sqlite://", "sqlite:///:memory:", "records.db", "http://a:secret@b"],
)
def test_other_urls_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(BadSettings, match="OLHAR_DATABASE_URL") as caught:
        Database(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordsUnavailable, match="OLHAR_DATABASE_URL") as caught:
        Database("postgresql://user:secret@127.0.0.1:1/nowhere")
    assert "secret" not in str(caught.value)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RecordsUnavailable):
        Database(f"sqlite:///{tmp_path}/file/records.db")


def test_a_transaction_that_fails_leaves_nothing(records: Records) -> None:
    def broken() -> None:
        with records.database.writing() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert records.database.revision() is not None


def test_one_at_a_time_is_in_a_locked_place(url: str, records: Records) -> None:
    other = Records(url)
    shared = [records, records] if records.database.sqlite else [records, other]
    inside: list[int] = []
    most: list[int] = []
    gate = threading.Lock()

    def enter(n: int) -> None:
        with shared[n % 2].writing_to(SCOPE):
            with gate:
                inside.append(n)
                most.append(len(inside))
            with gate:
                inside.remove(n)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(enter, range(60)))
    assert max(most) == 1
    with records.writing_to(SCOPE), records.writing_to(OTHER):
        pass
    other.close()


def test_a_sole_place_has_one_item_a_name_may_have_several(records: Records) -> None:
    places = records.places
    places.put(SCOPE, [Place("/a", "1", "x" * 64), Place("up", "1", "x" * 64, sole=False)])
    places.put(SCOPE, [Place("/a", "2", "y" * 64), Place("up", "2", "y" * 64, sole=False)])
    places.put(OTHER, [Place("/a", "3", "z" * 64)])
    assert [(p.source, p.item_id) for p in places.of(SCOPE, ["/a", "/b"])] == [("/a", "2")]
    assert sorted(p.item_id for p in places.of(SCOPE, ["up"])) == ["1", "2"]
    assert places.sources_of(SCOPE, ["2"]) == {"2": ["/a", "up"]}
    assert places.uses(["x" * 64, "y" * 64, "z" * 64, "0" * 64]) == {"x" * 64, "y" * 64, "z" * 64}
    assert places.scopes() == [OTHER, SCOPE]
    places.add(SCOPE, [Place("/a", "4", "w" * 64)])
    assert sorted(p.item_id for p in places.of(SCOPE, ["/a"])) == ["2", "4"]
    assert places.without_items(SCOPE, ["4"]) == {"w" * 64}
    places.forget_pairs(SCOPE, [("up", "1")])
    assert places.contents(SCOPE) == {"y" * 64}
    places.forget(SCOPE, ["/a"])
    places.forget_collection(OTHER)
    assert places.scopes() == [SCOPE]


def test_places_under_a_folder_come_in_order(records: Records) -> None:
    names = [f"/p_%/{n:04}" for n in range(1100)]
    records.places.put(SCOPE, [Place(name, name[-4:], "x" * 64) for name in [*names, "/pax/1", "/p_", "/q"]])
    assert [place.source for place in records.places.under(SCOPE, "/p_%/")] == names


def test_a_worker_of_which_nothing_is_heard_is_silent(records: Records, clock: Clock) -> None:
    records.workers.beat("one")
    clock.now += 20
    records.workers.beat("two")
    records.workers.beat("two")
    assert (records.workers.silent(10), records.workers.alive(10)) == (["one"], ["two"])
    records.workers.leave("one")
    assert records.workers.silent(10) == []


def test_what_waited_to_be_read_still_waits_after_the_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine = create_engine(url)
    command.upgrade(config, "0003")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO readings VALUES ('tenant', 'photos', 'a', 'pending', 1, 0, '')"
        )
    engine.dispose()
    records = Records(url)
    assert [(one.item_id, one.attempts) for one in records.readings.take(10)] == [("a", 1)]
    assert records.captionings.take(10) == []
    records.close()
