"""How many bytes were uploaded with a key today (UTC)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from rag.records.database import Database
from rag.records.schema import uploaded

DAY_S: Final = 86_400


class Uploaded:
    """Bytes by key and day; days that are over are forgotten."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def today(self, key: str) -> int:
        """Bytes of today."""
        mine = (uploaded.c.key == key) & (uploaded.c.day == self.day())
        with self._database.reading() as connection:
            return connection.execute(select(uploaded.c.bytes).where(mine)).scalar_one_or_none() or 0

    def add(self, key: str, count: int) -> None:
        """So many more."""
        day = self.day()
        insert = (sqlite.insert if self._database.sqlite else postgresql.insert)(uploaded)
        more = insert.values(key=key, day=day, bytes=count).on_conflict_do_update(
            index_elements=["key", "day"], set_={"bytes": uploaded.c.bytes + count}
        )
        with self._database.writing() as connection:
            connection.execute(delete(uploaded).where((uploaded.c.key == key) & (uploaded.c.day < day)))
            connection.execute(more)

    def seconds_left(self) -> float:
        """Until the day is over."""
        return DAY_S - self._clock() % DAY_S

    def day(self) -> int:
        """Days since 1970 (UTC)."""
        return int(self._clock() // DAY_S)
