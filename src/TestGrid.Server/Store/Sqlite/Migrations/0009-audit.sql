-- What a token may do. Those that were there before go on as they were.
ALTER TABLE tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'full' CHECK (scope IN ('full', 'read'));

-- Who did what, for whoever has to find out later. Nothing changes a row; the oldest leave (AuditStore).
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL, -- milliseconds since 1970
    who     TEXT    NOT NULL, -- token ci, a signed-in browser
    origin  TEXT    NOT NULL, -- the address it came from
    action  TEXT    NOT NULL, -- token.create, secret.set, job.cancel, …
    target  TEXT    NOT NULL, -- job 42.3, repository 3 secret NAME
    outcome TEXT    NOT NULL  -- done, or why not
);
