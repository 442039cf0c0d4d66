"""receipts of imports"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imported_files", sa.Column("fingerprint", sa.String(length=64), nullable=True))
    op.add_column("imported_files", sa.Column("receipt", sa.String(length=64), nullable=True))


def downgrade() -> None:
    for name in ("receipt", "fingerprint"):
        op.drop_column("imported_files", name)
