"""One rating of an answer: of several, which people gave at the same moment, the last stays."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAME = "ix_feedback_tenant_answer"
EARLIER = """
DELETE FROM feedback WHERE EXISTS (
    SELECT 1 FROM feedback AS later
    WHERE later.tenant = feedback.tenant AND later.answer = feedback.answer
    AND (later.at > feedback.at OR (later.at = feedback.at AND later.id > feedback.id))
)
"""


def upgrade() -> None:
    op.execute(EARLIER)
    op.drop_index(NAME, "feedback")
    op.create_index(NAME, "feedback", ["tenant", "answer"], unique=True)


def downgrade() -> None:
    op.drop_index(NAME, "feedback")
    op.create_index(NAME, "feedback", ["tenant", "answer"])
