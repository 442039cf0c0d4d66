"""rows of conversations are found by both of what is asked for

SQLite took the index that begins with the embedder, or the collection, and read all of it.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WIDER = {"chunk_embeddings": "embedder", "fragments": "collection"}


def upgrade() -> None:
    for table, column in WIDER.items():
        op.drop_index(f"ix_{table}_conversation_id", table_name=table)
        op.create_index(f"ix_{table}_conversation", table, ["conversation_id", column])


def downgrade() -> None:
    for table in WIDER:
        op.drop_index(f"ix_{table}_conversation", table_name=table)
        op.create_index(f"ix_{table}_conversation_id", table, ["conversation_id"])
