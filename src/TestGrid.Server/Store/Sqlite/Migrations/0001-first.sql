-- Times are milliseconds since 1970, UTC. States are words; the CHECKs repeat docs/state-machine.md.

CREATE TABLE repositories (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    host         TEXT    NOT NULL,
    slug         TEXT    NOT NULL COLLATE NOCASE,
    url          TEXT    NOT NULL,
    hook_secret  BLOB,              -- sealed; gone with the repository
    credential   BLOB,              -- sealed JSON
    build_count  INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    removed_at   INTEGER
);
CREATE UNIQUE INDEX repositories_by_name ON repositories (host, slug) WHERE removed_at IS NULL;
CREATE INDEX repositories_by_slug ON repositories (slug) WHERE removed_at IS NULL;

CREATE TABLE secrets (
    repository   INTEGER NOT NULL REFERENCES repositories (id),
    name         TEXT    NOT NULL,
    value        BLOB    NOT NULL,  -- sealed
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (repository, name)
) WITHOUT ROWID;

CREATE TABLE builds (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    repository   INTEGER NOT NULL REFERENCES repositories (id),
    number       INTEGER NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'waiting'
                 CHECK (state IN ('waiting', 'running', 'passed', 'failed', 'errored', 'cancelled')),
    reason       TEXT,
    sentence     TEXT,
    trigger      TEXT    NOT NULL CHECK (trigger IN ('push', 'tag', 'manual', 'rerun')),
    ref          TEXT    NOT NULL,
    sha          TEXT    NOT NULL,  -- empty until the planner has asked the repository
    before       TEXT,
    message      TEXT    NOT NULL,
    author       TEXT    NOT NULL,
    compare_url  TEXT,
    dedupe       TEXT,              -- event, ref, before and after of the push it came from
    only_cell    INTEGER,           -- a rerun of one job
    config_file  TEXT,
    axes         TEXT    NOT NULL DEFAULT '[]',
    problems     TEXT    NOT NULL DEFAULT '[]',
    fast_finish  INTEGER NOT NULL DEFAULT 0,
    plan_tries   INTEGER NOT NULL DEFAULT 0,
    plan_after   INTEGER NOT NULL DEFAULT 0,
    planned_at   INTEGER,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    logs_gone    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repository, number),
    UNIQUE (repository, dedupe),
    CHECK ((finished_at IS NOT NULL) = (state IN ('passed', 'failed', 'errored', 'cancelled')))
);
CREATE INDEX builds_unplanned ON builds (id) WHERE planned_at IS NULL AND state = 'waiting';
CREATE INDEX builds_of_repository ON builds (repository, id);

CREATE TABLE jobs (
    build         INTEGER NOT NULL REFERENCES builds (id),
    cell          INTEGER NOT NULL CHECK (cell > 0),
    repository    INTEGER NOT NULL REFERENCES repositories (id),
    state         TEXT    NOT NULL DEFAULT 'waiting'
                  CHECK (state IN ('waiting', 'queued', 'running', 'passed', 'failed', 'errored', 'cancelled')),
    reason        TEXT,
    sentence      TEXT,
    exit_code     INTEGER,
    job_order     TEXT    NOT NULL, -- all that a runner needs, as it goes on the queue
    name          TEXT,
    cell_values   TEXT    NOT NULL,
    allow_failure INTEGER NOT NULL,
    bundle        TEXT    NOT NULL,
    bundle_digest TEXT,
    waits_for     TEXT,
    attempt       INTEGER NOT NULL DEFAULT 0,
    lost          INTEGER NOT NULL DEFAULT 0,
    runner        TEXT,
    token         TEXT,             -- the fencing token of the running attempt
    lease_until   INTEGER,
    wish          TEXT    CHECK (wish = 'stop'),
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER,
    PRIMARY KEY (build, cell),
    CHECK ((state = 'running') = (token IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((finished_at IS NOT NULL) = (state IN ('passed', 'failed', 'errored', 'cancelled')))
) WITHOUT ROWID;
CREATE INDEX jobs_unfinished ON jobs (state, build, cell) WHERE state IN ('waiting', 'queued', 'running');

-- Nothing leaves a final state: not even a statement that forgot to say from where.
CREATE TRIGGER jobs_final BEFORE UPDATE OF state ON jobs
WHEN OLD.state IN ('passed', 'failed', 'errored', 'cancelled')
BEGIN SELECT RAISE(ABORT, 'a job left its final state'); END;
CREATE TRIGGER builds_final BEFORE UPDATE OF state ON builds
WHEN OLD.state IN ('passed', 'failed', 'errored', 'cancelled')
BEGIN SELECT RAISE(ABORT, 'a build left its final state'); END;

CREATE TABLE attempts (
    build         INTEGER NOT NULL,
    cell          INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('running', 'passed', 'failed', 'errored', 'cancelled')),
    reason        TEXT,
    sentence      TEXT,
    runner        TEXT    NOT NULL,
    token         TEXT    NOT NULL,
    started_at    INTEGER NOT NULL,
    finished_at   INTEGER,
    PRIMARY KEY (build, cell, attempt),
    FOREIGN KEY (build, cell) REFERENCES jobs (build, cell)
) WITHOUT ROWID;

CREATE TABLE phases (
    build         INTEGER NOT NULL,
    cell          INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    phase         TEXT    NOT NULL,
    exit_code     INTEGER NOT NULL,
    took          INTEGER NOT NULL, -- milliseconds
    log_offset    INTEGER NOT NULL,
    place         INTEGER NOT NULL, -- 1, 2, 3, in the order they ran
    PRIMARY KEY (build, cell, attempt, phase),
    FOREIGN KEY (build, cell, attempt) REFERENCES attempts (build, cell, attempt)
) WITHOUT ROWID;

-- Each publishing is its own row: a late acknowledgement of an older one must not take the newer one away.
CREATE TABLE queue (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    build         INTEGER NOT NULL,
    cell          INTEGER NOT NULL,
    job_order     TEXT    NOT NULL
);
CREATE INDEX queue_by_job ON queue (build, cell);

CREATE TABLE deliveries (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository    INTEGER REFERENCES repositories (id),
    host          TEXT    NOT NULL,
    delivery_id   TEXT    NOT NULL,
    event         TEXT    NOT NULL,
    body_sha256   TEXT    NOT NULL,
    received_at   INTEGER NOT NULL,
    outcome       TEXT    NOT NULL CHECK (outcome IN ('accepted', 'duplicate', 'ignored', 'refused', 'unusable')),
    why           TEXT    NOT NULL,
    build         INTEGER REFERENCES builds (id)
);
CREATE UNIQUE INDEX deliveries_accepted ON deliveries (repository, host, delivery_id) WHERE outcome = 'accepted';
CREATE INDEX deliveries_of_repository ON deliveries (repository, id);

CREATE TABLE tokens (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    hash          TEXT    NOT NULL UNIQUE,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER,
    revoked_at    INTEGER
);

CREATE TABLE sessions (
    hash          TEXT    PRIMARY KEY,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sign_in_links (
    hash          TEXT    PRIMARY KEY,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    used_at       INTEGER
) WITHOUT ROWID;

CREATE TABLE settings (
    name          TEXT    PRIMARY KEY,
    value         TEXT    NOT NULL
) WITHOUT ROWID;
