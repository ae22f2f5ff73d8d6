"""Passes of several kinds over items, in place of readings alone; and what models wrote of pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
KEPT = "tenant, collection, item_id, state, attempts, due_at, reason"


def upgrade() -> None:
    op.create_table(
        "passes",
        sa.Column("kind", sa.String(length=16), nullable=False),
        *_columns(),
        sa.PrimaryKeyConstraint("kind", "tenant", "collection", "item_id", name=op.f("pk_passes")),
    )
    op.create_index("ix_passes_kind_state_due_at", "passes", ["kind", "state", "due_at"])
    op.execute(f"INSERT INTO passes (kind, {KEPT}) SELECT 'ocr', {KEPT} FROM readings")
    op.drop_table("readings")
    op.create_table(
        "model_captions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.String(length=64), nullable=False),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "asked", name=op.f("pk_model_captions")),
    )


def downgrade() -> None:
    op.drop_table("model_captions")
    op.create_table(
        "readings",
        *_columns(),
        sa.PrimaryKeyConstraint("tenant", "collection", "item_id", name=op.f("pk_readings")),
    )
    op.create_index("ix_readings_state_due_at", "readings", ["state", "due_at"])
    op.execute(f"INSERT INTO readings ({KEPT}) SELECT {KEPT} FROM passes WHERE kind = 'ocr'")
    op.drop_table("passes")


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    ]
