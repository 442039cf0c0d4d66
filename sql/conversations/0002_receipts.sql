-- Whoever holds the id of a receipt that is here knows that this is the store that gave it. "conversations" is the
-- highest key there was: conversations, forgotten ones too, only ever become more.
CREATE TABLE receipts (
    id TEXT PRIMARY KEY,
    conversations INTEGER NOT NULL
) WITHOUT ROWID;
