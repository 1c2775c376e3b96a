-- What each command of an attempt took and used; a figure that nobody counted is NULL.
CREATE TABLE commands (
    build         INTEGER NOT NULL,
    cell          INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    place         INTEGER NOT NULL, -- 1, 2, 3, in the order they ran
    phase         TEXT    NOT NULL,
    command       TEXT    NOT NULL,
    exit_code     INTEGER NOT NULL,
    took          INTEGER NOT NULL, -- milliseconds
    timer         TEXT    NOT NULL,
    peak_memory   INTEGER,          -- bytes
    cpu_time      INTEGER,          -- milliseconds
    disk          INTEGER,          -- bytes that it added
    PRIMARY KEY (build, cell, attempt, place),
    FOREIGN KEY (build, cell, attempt) REFERENCES attempts (build, cell, attempt)
) WITHOUT ROWID;
