CREATE TABLE runner_tokens (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    hash          TEXT    NOT NULL UNIQUE,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER,
    revoked_at    INTEGER
);

-- A name belongs to the token that said it first, so that nobody reports, or gives back, for somebody else.
CREATE TABLE runners (
    name          TEXT    PRIMARY KEY,
    token         INTEGER NOT NULL REFERENCES runner_tokens (id),
    slots         INTEGER NOT NULL DEFAULT 0,
    offer         TEXT,
    heard_at      INTEGER NOT NULL,
    left          INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
