"""Reviews say which picture of a document or video, and where it is, a policy judged the file by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("place", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("reviews", "place")
