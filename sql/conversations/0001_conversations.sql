-- SQLite's secure_delete does not reach the copies of neighbouring rows that stay behind when a page is split or
-- merged. What people said is therefore kept in tables whose rows are only ever added at the end and overwritten by
-- as many zeros (texts, descriptions), which splits and merges no page; all that moves about holds ids and numbers.

CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    sequence INTEGER NOT NULL
);

INSERT INTO store (one, id, sequence) VALUES (1, lower(hex(randomblob(16))), 0);

-- A forgotten conversation has no description; its id, its day and its place in the change feed remain.
CREATE TABLE conversations (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sequence INTEGER NOT NULL UNIQUE,
    day TEXT NOT NULL,
    description INTEGER,
    message_count INTEGER NOT NULL,
    first_at INTEGER,
    last_at INTEGER
);

CREATE INDEX conversations_by_day ON conversations (day, id) WHERE description IS NOT NULL;

CREATE TABLE descriptions (
    key INTEGER PRIMARY KEY,
    space TEXT,
    source TEXT,
    native_id TEXT,
    title TEXT
);

-- Moments are microseconds since 1970-01-01 in UTC.
CREATE TABLE messages (
    conversation INTEGER NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    position INTEGER NOT NULL,
    text INTEGER NOT NULL,
    PRIMARY KEY (conversation, id)
) WITHOUT ROWID;

CREATE INDEX messages_in_order ON messages (conversation, timestamp, position, id, text);

CREATE TABLE texts (
    key INTEGER PRIMARY KEY,
    timestamp_inferred INTEGER NOT NULL,
    role TEXT NOT NULL,
    model TEXT,
    native_id TEXT,
    origin_path TEXT,
    origin_line INTEGER,
    metadata TEXT,
    content TEXT
);
