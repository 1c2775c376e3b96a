-- What a build runs on, by the name that its jobs and their services want it by: decided once.
CREATE TABLE build_bundles (
    build         INTEGER NOT NULL REFERENCES builds (id),
    recipe        TEXT    NOT NULL,
    bundle_digest TEXT    NOT NULL, -- sha256:…
    PRIMARY KEY (build, recipe)
) WITHOUT ROWID;
