ALTER TABLE builds ADD COLUMN fail_fast INTEGER NOT NULL DEFAULT 0;
ALTER TABLE builds ADD COLUMN max_parallel INTEGER;   -- null for as many as there is room for
