"""keys that begin with the conversation

Ids are hashes. An index by them alone is written to in another place for every row, and one by the conversation was
beside it.
"""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEYS = {
    "cleaned_messages": ("conversation_id", "id"),
    "chunks": ("conversation_id", "id"),
    "chunk_embeddings": ("conversation_id", "embedder", "chunk_id"),
    "fragments": ("conversation_id", "collection", "id"),
}
KEYS_BEFORE = {
    "cleaned_messages": ("id",),
    "chunks": ("id",),
    "chunk_embeddings": ("chunk_id", "embedder"),
    "fragments": ("id",),
}
INDEXES_BEFORE = {
    "ix_cleaned_messages_conversation_id": ("cleaned_messages", ("conversation_id",)),
    "ix_chunks_conversation_id": ("chunks", ("conversation_id",)),
    "ix_chunk_embeddings_conversation": ("chunk_embeddings", ("conversation_id", "embedder")),
    "ix_fragments_conversation": ("fragments", ("conversation_id", "collection")),
    "ix_fragments_collection": ("fragments", ("collection", "state")),
}


def upgrade() -> None:
    for name, (table, _) in INDEXES_BEFORE.items():
        op.drop_index(name, table_name=table)
    for table, columns in KEYS.items():
        _key(table, KEYS_BEFORE[table], columns)


def downgrade() -> None:
    for table, columns in KEYS_BEFORE.items():
        _key(table, KEYS[table], columns)
    for name, (table, columns) in INDEXES_BEFORE.items():
        op.create_index(name, table, columns)


def _key(table: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    old, new = (f"PRIMARY KEY ({', '.join(columns)})" for columns in (before, after))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD {new}")
        return
    # SQLite has no such statement: rows are copied to a table that is declared with the other key.
    named = text("SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL ORDER BY type DESC")
    declared, *indexes = op.get_bind().execute(named, {"table": table}).scalars()
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    op.execute(declared.replace(old, new))
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")  # noqa: S608 (names of this file)
    op.drop_table(f"{table}_before")
    for index in indexes:
        op.execute(index)
