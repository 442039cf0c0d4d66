"""the latest conversations of a space are found without reading all of them"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_conversations_space", table_name="conversations")
    op.create_index("ix_conversations_latest", "conversations", ["space", "last_at"])


def downgrade() -> None:
    op.drop_index("ix_conversations_latest", table_name="conversations")
    op.create_index("ix_conversations_space", "conversations", ["space"])
