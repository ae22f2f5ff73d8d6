"""What models wrote of pictures, so that the same model is not asked the same of the same bytes again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from rag.records.database import Database
from rag.records.schema import model_captions


class ModelCaptions:
    """By a picture's content, and what was ``asked``: 64 characters that stand for model, weights, prompt."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, sha256: str, asked: str) -> str | None:
        """What was written, if it was."""
        of = (model_captions.c.sha256 == sha256) & (model_captions.c.asked == asked)
        with self._database.reading() as connection:
            return connection.execute(select(model_captions.c.caption).where(of)).scalar_one_or_none()

    def put(self, sha256: str, asked: str, caption: str) -> None:
        """Keep what was written."""
        insert = (sqlite.insert if self._database.sqlite else postgresql.insert)(model_captions)
        put = insert.on_conflict_do_update(index_elements=["sha256", "asked"], set_={"caption": caption})
        with self._database.writing() as connection:
            connection.execute(put, [{"sha256": sha256, "asked": asked, "caption": caption}])

    def forget(self, sha256s: Sequence[str]) -> None:
        """Nothing is known of these pictures any more; a few hundred at a time."""
        with self._database.writing() as connection:
            connection.execute(delete(model_captions).where(model_captions.c.sha256.in_(sha256s)))
