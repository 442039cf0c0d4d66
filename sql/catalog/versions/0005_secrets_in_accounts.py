"""secrets in accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imported_files", sa.Column("redacted", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("imported_files", sa.Column("flagged", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("imported_files", sa.Column("secrets", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for name in ("secrets", "flagged", "redacted"):
        op.drop_column("imported_files", name)
